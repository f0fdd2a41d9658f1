package org.edgekit.media;

import org.edgekit.bundle.Port;
import org.edgekit.worker.Tensor;

/**
 * A photograph as a model input: the middle with the input's proportions, resized, scaled to its range.
 *
 * <p>The same as {@code edgekit verify --inputs photo.jpg}: Pillow's bilinear resampling, which averages over the
 * area that an output pixel covers.
 */
public final class Pixels {
    private static final int FRACTION_BITS = 22; // 32 bits hold 8 of a level and 2 to spare

    private final int[] argb;
    private final int width;
    private final int height;

    /** @param argb rows of packed pixels, as android.graphics.Bitmap hands them out */
    public Pixels(int[] argb, int width, int height) {
        if (argb.length != (long) width * height || argb.length == 0) {
            throw new IllegalArgumentException(argb.length + " pixels are no " + width + "x" + height);
        }
        this.argb = argb;
        this.width = width;
        this.height = height;
    }

    /**
     * The tensor for an input of 1, 3 or 6 channels: grey, RGB, or RGB twice. Brightness 0 becomes the lowest value
     * of the input's range and 255 the highest.
     */
    public Tensor tensor(Port port) {
        int[] shape = port.shape(); // batch, channels, height, width
        int channels = shape[1];
        int area = shape[2] * shape[3];
        int[][] planes = new int[channels == 1 ? 1 : 3][];
        for (int plane = 0; plane < planes.length; plane++) {
            planes[plane] = resized(plane(plane, planes.length == 1), shape[3], shape[2]);
        }
        float[] values = new float[channels * area];
        for (int channel = 0; channel < channels; channel++) {
            int[] plane = planes[channel % planes.length];
            for (int at = 0; at < area; at++) {
                values[channel * area + at] = port.low + (port.high - port.low) * (plane[at] / 255f);
            }
        }
        return port.tensor(values);
    }

    private int[] plane(int channel, boolean grey) {
        int[] plane = new int[argb.length];
        for (int at = 0; at < plane.length; at++) {
            int pixel = argb[at];
            int red = pixel >> 16 & 255;
            int green = pixel >> 8 & 255;
            int blue = pixel & 255;
            // ITU-R 601 luma in 16-bit fixed point, as Pillow has it
            int luma = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
            plane[at] = grey ? luma : channel == 0 ? red : channel == 1 ? green : blue;
        }
        return plane;
    }

    /** The largest middle part with the proportions of the target, resized. */
    private int[] resized(int[] plane, int targetWidth, int targetHeight) {
        double proportion = (double) targetWidth / targetHeight;
        double boxWidth = Math.min(width, height * proportion);
        double boxHeight = boxWidth / proportion;
        double left = (width - boxWidth) / 2;
        double top = (height - boxHeight) / 2;
        int[] across = along(plane, width, height, left, boxWidth, targetWidth);
        int[] columns = transposed(across, targetWidth, height);
        int[] turned = along(columns, height, targetWidth, top, boxHeight, targetHeight);
        return transposed(turned, targetHeight, targetWidth);
    }

    /** Resamples every row with a triangle as wide as the reduction, in Pillow's fixed point: whole levels come out. */
    private static int[] along(int[] rows, int length, int count, double start, double extent, int target) {
        double scale = extent / target;
        double support = Math.max(scale, 1);
        int[] result = new int[count * target];
        for (int at = 0; at < target; at++) {
            double centre = start + (at + 0.5) * scale;
            int first = Math.max(0, (int) (centre - support + 0.5));
            int last = Math.min(length, (int) (centre + support + 0.5));
            int[] weights = weights(first, last, centre, support);
            for (int row = 0; row < count; row++) {
                int sum = 1 << (FRACTION_BITS - 1); // rounds half up
                for (int tap = 0; tap < weights.length; tap++) {
                    sum += rows[row * length + first + tap] * weights[tap];
                }
                result[row * target + at] = Math.max(0, Math.min(255, sum >> FRACTION_BITS));
            }
        }
        return result;
    }

    /** The triangle around {@code centre} at the pixels from {@code first} to before {@code last}, in fixed point. */
    private static int[] weights(int first, int last, double centre, double support) {
        double[] shares = new double[last - first];
        double sum = 0;
        for (int tap = 0; tap < shares.length; tap++) {
            shares[tap] = Math.max(0, 1 - Math.abs((tap + first - centre + 0.5) / support));
            sum += shares[tap];
        }
        int[] weights = new int[shares.length];
        for (int tap = 0; tap < weights.length; tap++) {
            weights[tap] = (int) (0.5 + shares[tap] / sum * (1 << FRACTION_BITS));
        }
        return weights;
    }

    private static int[] transposed(int[] rows, int width, int height) {
        int[] turned = new int[rows.length];
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < width; column++) {
                turned[column * height + row] = rows[row * width + column];
            }
        }
        return turned;
    }
}
