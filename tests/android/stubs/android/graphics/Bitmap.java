package android.graphics;

public final class Bitmap implements android.os.Parcelable {
    public enum Config { ARGB_8888 }

    public int getWidth() {
        throw new UnsupportedOperationException("stub");
    }

    public int getHeight() {
        throw new UnsupportedOperationException("stub");
    }

    public void getPixels(int[] pixels, int offset, int stride, int x, int y, int width, int height) {
        throw new UnsupportedOperationException("stub");
    }

    public static Bitmap createBitmap(Bitmap source, int x, int y, int width, int height, Matrix m, boolean filter) {
        throw new UnsupportedOperationException("stub");
    }

    public static Bitmap createBitmap(int[] colors, int width, int height, Bitmap.Config config) {
        throw new UnsupportedOperationException("stub");
    }
}
