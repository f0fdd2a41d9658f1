package org.edgekit.parity;

import java.util.Arrays;
import org.edgekit.worker.Tensor;

/** Metrics, or the finding that forbids them. */
public final class Comparison {
    private static final int CHUNK = 1 << 14;
    private static final double SMALL = 0x1p-10;
    private static final int EXPONENT = 0x7F800000;

    /** Null where there is no number. */
    public final Metrics metrics;
    /** Null where nothing is wrong with the numbers as such. */
    public final Finding finding;

    private Comparison(Metrics metrics, Finding finding) {
        this.metrics = metrics;
        this.finding = finding;
    }

    /** Compares a tensor with its reference; {@code actual} is null for what ncnn did not give. */
    public static Comparison of(Tensor actual, Tensor reference) {
        if (actual == null) {
            return new Comparison(null, Finding.MISSING);
        }
        if (!Arrays.equals(actual.shape(), reference.shape())) {
            return new Comparison(null, Finding.SHAPE);
        }
        if (actual.count() == 0) {
            return new Comparison(null, Finding.EMPTY);
        }
        Sums plain = sums(actual, reference, false);
        if (!Double.isNaN(plain.largest) && !Double.isInfinite(plain.largest)) {
            return plain.comparison();
        }
        // the same infinities in the reference are no finding: compare what is finite on both sides
        Sums finite = sums(actual, reference, true);
        if (finite.onlySameElsewhere && finite.count > 0) {
            return finite.comparison();
        }
        return new Comparison(null, finite.nan ? Finding.NAN : Finding.INF);
    }

    /** Whether the two are further apart than {@code limit}, or the numbers are worthless. */
    public boolean above(double limit, double smallest) {
        return worthless(smallest) || metrics.maxAbs > limit;
    }

    /** Whether the numbers say nothing; zeros do where every reference is below {@code smallest}. */
    public boolean worthless(double smallest) {
        if (finding == Finding.ALL_ZERO) {
            return metrics.maxAbs >= smallest; // it is the reference's peak
        }
        return metrics == null || finding != null;
    }

    private static Sums sums(Tensor actual, Tensor reference, boolean finiteOnly) {
        Sums sums = new Sums(peak(reference), finiteOnly);
        double[] y = new double[CHUNK];
        double[] r = new double[CHUNK];
        int count = actual.count();
        for (int start = 0; start < count; start += CHUNK) {
            int length = Math.min(CHUNK, count - start);
            actual.copy(start, length, y);
            reference.copy(start, length, r);
            sums.add(y, r, length);
        }
        return sums;
    }

    /** max|r| of the finite numbers. */
    private static double peak(Tensor reference) {
        double[] chunk = new double[CHUNK];
        double peak = 0;
        int count = reference.count();
        for (int start = 0; start < count; start += CHUNK) {
            int length = Math.min(CHUNK, count - start);
            reference.copy(start, length, chunk);
            for (int at = 0; at < length; at++) {
                double size = Math.abs(chunk[at]);
                if (size > peak && !Double.isInfinite(size)) {
                    peak = size;
                }
            }
        }
        return peak;
    }

    /** What the metrics are made of. */
    private static final class Sums {
        private final double peak;
        private final float least;
        private final boolean finiteOnly;
        int count;
        double largest;
        double error;
        double signal;
        double power;
        double product;
        double ulp;
        boolean nan;
        boolean onlySameElsewhere = true;

        Sums(double peak, boolean finiteOnly) {
            this.peak = peak;
            this.finiteOnly = finiteOnly;
            this.least = (float) Math.max(SMALL * peak, Float.MIN_NORMAL);
        }

        void add(double[] actual, double[] reference, int length) {
            for (int at = 0; at < length; at++) {
                double y = actual[at];
                double r = reference[at];
                if (finiteOnly && !(finite(y) && finite(r))) {
                    nan |= Double.isNaN(y);
                    onlySameElsewhere &= y == r || (Double.isNaN(y) && Double.isNaN(r));
                    continue;
                }
                double size = Math.abs(y - r);
                largest = Math.max(largest, size); // keeps NaN
                error += size * size;
                signal += r * r;
                power += y * y;
                product += y * r;
                ulp = Math.max(ulp, size / spacing(r));
                count++;
            }
        }

        /** Distance from |r| to the next float32: 2^-23 of the power of two below it. */
        private double spacing(double r) {
            float magnitude = Math.max(Math.abs((float) r), least);
            return Float.intBitsToFloat(Float.floatToRawIntBits(magnitude) & EXPONENT) * 0x1p-23;
        }

        Comparison comparison() {
            double withoutPeak = largest == 0 ? 0 : Double.POSITIVE_INFINITY;
            Metrics metrics =
                    new Metrics(
                            largest,
                            peak > 0 ? largest / peak : withoutPeak,
                            Math.sqrt(error / count),
                            cosine(),
                            snrDb(),
                            ulp);
            return new Comparison(metrics, power == 0 && signal > 0 ? Finding.ALL_ZERO : null);
        }

        private double cosine() {
            if (power == 0 || signal == 0) {
                return power == signal ? 1 : 0;
            }
            return product / (Math.sqrt(power) * Math.sqrt(signal));
        }

        private double snrDb() {
            if (error == 0) {
                return Double.POSITIVE_INFINITY;
            }
            return signal > 0 ? 10 * Math.log10(signal / error) : Double.NEGATIVE_INFINITY;
        }

        private static boolean finite(double value) {
            return !Double.isNaN(value) && !Double.isInfinite(value);
        }
    }
}
