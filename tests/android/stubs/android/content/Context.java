package android.content;

public abstract class Context {
    public static final int BIND_AUTO_CREATE = 1;

    public static final int BIND_IMPORTANT = 64;

    public abstract android.content.res.AssetManager getAssets();

    public abstract android.content.res.Resources getResources();

    public abstract ContentResolver getContentResolver();

    public abstract String getPackageName();

    public abstract java.io.File getFilesDir();

    public abstract java.io.File getNoBackupFilesDir();

    public abstract java.io.File getCacheDir();

    public abstract java.io.File getExternalFilesDir(String type);

    public abstract boolean bindService(Intent service, ServiceConnection conn, int flags);

    public abstract void unbindService(ServiceConnection conn);

    public abstract void startActivity(Intent intent);

    public abstract int checkSelfPermission(String permission);

    public final String getString(int resId) {
        throw new UnsupportedOperationException("stub");
    }

    public final String getString(int resId, Object... formatArgs) {
        throw new UnsupportedOperationException("stub");
    }

    public final int getColor(int id) {
        throw new UnsupportedOperationException("stub");
    }
}
