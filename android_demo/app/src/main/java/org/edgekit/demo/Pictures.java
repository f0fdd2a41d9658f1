package org.edgekit.demo;

import android.graphics.Bitmap;

/** An output of three channels as a picture, from its lowest to its highest value. */
final class Pictures {
    private Pictures() {}

    static Bitmap of(float[] values, int width, int height) {
        float low = Float.POSITIVE_INFINITY;
        float high = Float.NEGATIVE_INFINITY;
        for (float value : values) {
            low = Math.min(low, value);
            high = Math.max(high, value);
        }
        float range = high > low ? high - low : 1;
        int area = width * height;
        int[] argb = new int[area];
        for (int at = 0; at < area; at++) {
            int pixel = 0xFF;
            for (int channel = 0; channel < 3; channel++) {
                pixel = pixel << 8 | Math.round(255 * (values[channel * area + at] - low) / range);
            }
            argb[at] = pixel;
        }
        return Bitmap.createBitmap(argb, width, height, Bitmap.Config.ARGB_8888);
    }
}
