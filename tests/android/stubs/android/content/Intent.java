package android.content;

public class Intent {
    public static final String ACTION_GET_CONTENT = "android.intent.action.GET_CONTENT";

    public static final String ACTION_SEND = "android.intent.action.SEND";

    public static final String ACTION_VIEW = "android.intent.action.VIEW";

    public static final String CATEGORY_OPENABLE = "android.intent.category.OPENABLE";

    public static final String EXTRA_STREAM = "android.intent.extra.STREAM";

    public static final String EXTRA_SUBJECT = "android.intent.extra.SUBJECT";

    public static final int FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY = 1048576;

    public static final int FLAG_GRANT_READ_URI_PERMISSION = 1;

    public static final int FLAG_GRANT_WRITE_URI_PERMISSION = 2;

    public Intent(String action) {
        throw new UnsupportedOperationException("stub");
    }

    public Intent(Context packageContext, Class<?> cls) {
        throw new UnsupportedOperationException("stub");
    }

    public static Intent createChooser(Intent target, CharSequence title) {
        throw new UnsupportedOperationException("stub");
    }

    public Intent setType(String type) {
        throw new UnsupportedOperationException("stub");
    }

    public Intent setDataAndType(android.net.Uri data, String type) {
        throw new UnsupportedOperationException("stub");
    }

    public Intent addCategory(String category) {
        throw new UnsupportedOperationException("stub");
    }

    public Intent addFlags(int flags) {
        throw new UnsupportedOperationException("stub");
    }

    public Intent putExtra(String name, String value) {
        throw new UnsupportedOperationException("stub");
    }

    public Intent putExtra(String name, android.os.Parcelable value) {
        throw new UnsupportedOperationException("stub");
    }

    public boolean hasExtra(String name) {
        throw new UnsupportedOperationException("stub");
    }

    public String getStringExtra(String name) {
        throw new UnsupportedOperationException("stub");
    }

    public int getIntExtra(String name, int defaultValue) {
        throw new UnsupportedOperationException("stub");
    }

    public android.os.Bundle getExtras() {
        throw new UnsupportedOperationException("stub");
    }

    public int getFlags() {
        throw new UnsupportedOperationException("stub");
    }

    public android.net.Uri getData() {
        throw new UnsupportedOperationException("stub");
    }

    public void setClipData(ClipData clip) {
        throw new UnsupportedOperationException("stub");
    }
}
