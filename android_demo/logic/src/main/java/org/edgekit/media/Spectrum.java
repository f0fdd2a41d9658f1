package org.edgekit.media;

/**
 * The short-time Fourier transform that speech enhancers take, and its inverse.
 *
 * <p>Frames of 512 samples every 256 under a root-Hann window, reflected at both ends, as in
 * edgekit/media/audio.py. Window squared adds up to 1 over the frames, so the inverse is exact.
 */
public final class Spectrum {
    public static final int SIZE = 512;
    public static final int HOP = 256;
    public static final int BINS = SIZE / 2 + 1;

    private Spectrum() {}

    /**
     * The frames of a sound: for each, real parts of all bins, then imaginary parts.
     *
     * @throws IllegalArgumentException the sound is shorter than one frame
     */
    public static float[][] of(float[] samples) {
        if (samples.length < SIZE) {
            throw new IllegalArgumentException(samples.length + " samples are less than one frame of " + SIZE);
        }
        double[] window = window();
        int count = 1 + samples.length / HOP;
        float[][] frames = new float[count][2 * BINS];
        double[] real = new double[SIZE];
        double[] imaginary = new double[SIZE];
        for (int frame = 0; frame < count; frame++) {
            for (int at = 0; at < SIZE; at++) {
                real[at] = window[at] * samples[reflected(frame * HOP + at - SIZE / 2, samples.length)];
                imaginary[at] = 0;
            }
            transform(real, imaginary);
            for (int bin = 0; bin < BINS; bin++) {
                frames[frame][bin] = (float) real[bin];
                frames[frame][BINS + bin] = (float) imaginary[bin];
            }
        }
        return frames;
    }

    /** The sound of frames as {@link #of} gives them, {@code length} samples of it. */
    public static float[] inverse(float[][] frames, int length) {
        double[] window = window();
        double[] sum = new double[(frames.length - 1) * HOP + SIZE];
        double[] real = new double[SIZE];
        double[] imaginary = new double[SIZE];
        for (int frame = 0; frame < frames.length; frame++) {
            for (int bin = 0; bin < BINS; bin++) {
                real[bin] = frames[frame][bin];
                imaginary[bin] = -frames[frame][BINS + bin]; // the conjugate, transformed, is the inverse
                int mirrored = (SIZE - bin) % SIZE;
                real[mirrored] = real[bin];
                imaginary[mirrored] = bin == 0 || bin == SIZE / 2 ? 0 : -imaginary[bin];
            }
            imaginary[0] = 0;
            imaginary[SIZE / 2] = 0;
            transform(real, imaginary);
            for (int at = 0; at < SIZE; at++) {
                sum[frame * HOP + at] += window[at] * real[at] / SIZE;
            }
        }
        float[] samples = new float[length];
        for (int at = 0; at < length && at + SIZE / 2 < sum.length; at++) {
            samples[at] = (float) sum[at + SIZE / 2];
        }
        return samples;
    }

    private static double[] window() {
        double[] window = new double[SIZE];
        for (int at = 0; at < SIZE; at++) {
            window[at] = Math.sqrt(0.5 - 0.5 * Math.cos(2 * Math.PI * at / SIZE));
        }
        return window;
    }

    private static int reflected(int at, int length) {
        int index = Math.abs(at);
        return index < length ? index : 2 * (length - 1) - index;
    }

    /** In place: decimation in time for a power of two (Cooley and Tukey 1965). */
    private static void transform(double[] real, double[] imaginary) {
        int count = real.length;
        for (int at = 0, reversed = 0; at < count; at++) {
            if (at < reversed) {
                swap(real, at, reversed);
                swap(imaginary, at, reversed);
            }
            int bit = count >> 1;
            for (; bit > 0 && (reversed & bit) != 0; bit >>= 1) {
                reversed ^= bit;
            }
            reversed |= bit;
        }
        for (int length = 2; length <= count; length <<= 1) {
            for (int start = 0; start < count; start += length) {
                for (int at = 0; at < length / 2; at++) {
                    butterfly(real, imaginary, start + at, start + at + length / 2, -2 * Math.PI * at / length);
                }
            }
        }
    }

    private static void butterfly(double[] real, double[] imaginary, int one, int other, double angle) {
        double cosine = Math.cos(angle);
        double sine = Math.sin(angle);
        double turnedReal = real[other] * cosine - imaginary[other] * sine;
        double turnedImaginary = real[other] * sine + imaginary[other] * cosine;
        real[other] = real[one] - turnedReal;
        imaginary[other] = imaginary[one] - turnedImaginary;
        real[one] += turnedReal;
        imaginary[one] += turnedImaginary;
    }

    private static void swap(double[] values, int one, int other) {
        double kept = values[one];
        values[one] = values[other];
        values[other] = kept;
    }
}
