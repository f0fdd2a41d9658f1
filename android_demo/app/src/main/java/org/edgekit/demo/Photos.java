package org.edgekit.demo;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.net.Uri;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import org.edgekit.media.Pixels;

/** Photographs from the gallery or the camera, upright, not much larger than a model needs. */
final class Photos {
    /** Shorter side up to which a photograph is decoded; it is cropped and resized from there. */
    private static final int ENOUGH_PIXELS = 1024;

    private final ContentResolver resolver;

    Photos(ContentResolver resolver) {
        this.resolver = resolver;
    }

    Bitmap read(Uri uri) throws IOException {
        BitmapFactory.Options options = new BitmapFactory.Options();
        options.inJustDecodeBounds = true;
        try (InputStream input = open(uri)) {
            BitmapFactory.decodeStream(input, null, options);
        }
        int shorter = Math.min(options.outWidth, options.outHeight);
        if (shorter <= 0) {
            throw new IOException("this is no picture that Android can read");
        }
        options.inJustDecodeBounds = false;
        options.inPreferredConfig = Bitmap.Config.ARGB_8888;
        options.inSampleSize = Math.max(1, Integer.highestOneBit(shorter / ENOUGH_PIXELS));
        Bitmap bitmap;
        try (InputStream input = open(uri)) {
            bitmap = BitmapFactory.decodeStream(input, null, options);
        }
        if (bitmap == null) {
            throw new IOException("this picture is damaged");
        }
        return upright(bitmap, degrees(uri));
    }

    static Pixels pixels(Bitmap bitmap) {
        int width = bitmap.getWidth();
        int height = bitmap.getHeight();
        int[] argb = new int[width * height];
        bitmap.getPixels(argb, 0, width, 0, 0, width, height);
        return new Pixels(argb, width, height);
    }

    private InputStream open(Uri uri) throws IOException {
        InputStream input = resolver.openInputStream(uri);
        if (input == null) {
            throw new FileNotFoundException(uri.toString());
        }
        return input;
    }

    private int degrees(Uri uri) throws IOException {
        try (InputStream input = open(uri)) {
            ExifInterface exif = new ExifInterface(input);
            switch (exif.getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL)) {
                case ExifInterface.ORIENTATION_ROTATE_90:
                    return 90;
                case ExifInterface.ORIENTATION_ROTATE_180:
                    return 180;
                case ExifInterface.ORIENTATION_ROTATE_270:
                    return 270;
                default:
                    return 0;
            }
        }
    }

    private static Bitmap upright(Bitmap bitmap, int degrees) {
        if (degrees == 0) {
            return bitmap;
        }
        Matrix turn = new Matrix();
        turn.postRotate(degrees);
        return Bitmap.createBitmap(bitmap, 0, 0, bitmap.getWidth(), bitmap.getHeight(), turn, true);
    }
}
