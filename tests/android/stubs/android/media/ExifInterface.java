package android.media;

public class ExifInterface {
    public static final String TAG_ORIENTATION = "Orientation";

    public static final int ORIENTATION_NORMAL = 1;

    public static final int ORIENTATION_ROTATE_180 = 3;

    public static final int ORIENTATION_ROTATE_90 = 6;

    public static final int ORIENTATION_ROTATE_270 = 8;

    public ExifInterface(java.io.InputStream inputStream) throws java.io.IOException {
        throw new UnsupportedOperationException("stub");
    }

    public int getAttributeInt(String tag, int defaultValue) {
        throw new UnsupportedOperationException("stub");
    }
}
