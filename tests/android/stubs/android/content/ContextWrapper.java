package android.content;

public class ContextWrapper extends Context {
    public android.content.res.AssetManager getAssets() {
        throw new UnsupportedOperationException("stub");
    }

    public android.content.res.Resources getResources() {
        throw new UnsupportedOperationException("stub");
    }

    public ContentResolver getContentResolver() {
        throw new UnsupportedOperationException("stub");
    }

    public String getPackageName() {
        throw new UnsupportedOperationException("stub");
    }

    public java.io.File getFilesDir() {
        throw new UnsupportedOperationException("stub");
    }

    public java.io.File getNoBackupFilesDir() {
        throw new UnsupportedOperationException("stub");
    }

    public java.io.File getCacheDir() {
        throw new UnsupportedOperationException("stub");
    }

    public java.io.File getExternalFilesDir(String type) {
        throw new UnsupportedOperationException("stub");
    }

    public boolean bindService(Intent service, ServiceConnection conn, int flags) {
        throw new UnsupportedOperationException("stub");
    }

    public void unbindService(ServiceConnection conn) {
        throw new UnsupportedOperationException("stub");
    }

    public void startActivity(Intent intent) {
        throw new UnsupportedOperationException("stub");
    }

    public int checkSelfPermission(String permission) {
        throw new UnsupportedOperationException("stub");
    }
}
