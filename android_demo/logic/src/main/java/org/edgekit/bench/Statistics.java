package org.edgekit.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Statistics of latencies; the definitions are those of edgekit/numerics/statistics.py. */
public final class Statistics {
    private static final int RESAMPLES = 1000;

    private Statistics() {}

    /** The value below which {@code percent} % lie, linear between order statistics: x[(n - 1) p / 100]. */
    public static double percentile(double[] samples, double percent) {
        double[] sorted = samples.clone();
        Arrays.sort(sorted);
        double at = (sorted.length - 1) * percent / 100;
        int below = (int) Math.floor(at);
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
    }

    public static double median(double[] samples) {
        return percentile(samples, 50);
    }

    public static double mean(double[] samples) {
        double sum = 0;
        for (double sample : samples) {
            sum += sample;
        }
        return sum / samples.length;
    }

    /** Sample standard deviation; 0 for a single sample. */
    public static double std(double[] samples) {
        double mean = mean(samples);
        double sum = 0;
        for (double sample : samples) {
            sum += (sample - mean) * (sample - mean);
        }
        return samples.length > 1 ? Math.sqrt(sum / (samples.length - 1)) : 0;
    }

    /** Median absolute deviation, unscaled. */
    public static double mad(double[] samples) {
        double median = median(samples);
        double[] distances = new double[samples.length];
        for (int at = 0; at < samples.length; at++) {
            distances[at] = Math.abs(samples[at] - median);
        }
        return median(distances);
    }

    /**
     * Percentile bootstrap interval (95 %) of the median of all samples: rounds are drawn with replacement, then
     * circular blocks of ceil(n^(1/3)) samples within each.
     *
     * @return low and high
     */
    public static double[] medianInterval(List<double[]> rounds, long seed) {
        Random random = new Random(seed);
        double estimate = median(concatenated(rounds));
        double[] medians = new double[RESAMPLES];
        for (int draw = 0; draw < RESAMPLES; draw++) {
            double[][] drawn = new double[rounds.size()][];
            for (int at = 0; at < drawn.length; at++) {
                int round = drawn.length == 1 ? 0 : random.nextInt(drawn.length);
                drawn[at] = drawBlocks(rounds.get(round), random);
            }
            medians[draw] = median(concatenated(Arrays.asList(drawn)));
        }
        double low = Math.min(estimate, percentile(medians, 2.5));
        double high = Math.max(estimate, percentile(medians, 97.5));
        return new double[] {low, high};
    }

    /** All samples of all rounds, in order. */
    public static double[] concatenated(List<double[]> rounds) {
        int count = 0;
        for (double[] round : rounds) {
            count += round.length;
        }
        double[] all = new double[count];
        int at = 0;
        for (double[] round : rounds) {
            System.arraycopy(round, 0, all, at, round.length);
            at += round.length;
        }
        return all;
    }

    private static double[] drawBlocks(double[] samples, Random random) {
        int length = (int) Math.ceil(Math.cbrt(samples.length) - 1e-9);
        double[] drawn = new double[samples.length];
        int start = 0;
        for (int at = 0; at < drawn.length; at++) {
            if (at % length == 0) {
                start = random.nextInt(samples.length);
            }
            drawn[at] = samples[(start + at % length) % samples.length];
        }
        return drawn;
    }
}
