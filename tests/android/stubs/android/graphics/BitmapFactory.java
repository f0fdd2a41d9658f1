package android.graphics;

public class BitmapFactory {
    public static class Options { public boolean inJustDecodeBounds; public int inSampleSize; public int outWidth; public int outHeight; public Bitmap.Config inPreferredConfig; }

    public static Bitmap decodeStream(java.io.InputStream is, android.graphics.Rect outPadding, BitmapFactory.Options opts) {
        throw new UnsupportedOperationException("stub");
    }
}
