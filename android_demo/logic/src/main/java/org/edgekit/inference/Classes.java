package org.edgekit.inference;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The likeliest classes of a vector of logits. */
public final class Classes {
    private Classes() {}

    /** A class by its number, and its probability. */
    public static final class Guess {
        public final int number;
        public final double probability;

        Guess(int number, double probability) {
            this.number = number;
            this.probability = probability;
        }
    }

    /** The {@code most} likeliest classes by softmax, likeliest first. */
    public static List<Guess> best(float[] logits, int most) {
        double peak = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            peak = Math.max(peak, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - peak);
        }
        List<Guess> guesses = new ArrayList<>(logits.length);
        for (int number = 0; number < logits.length; number++) {
            guesses.add(new Guess(number, Math.exp(logits[number] - peak) / sum));
        }
        Collections.sort(guesses, (one, other) -> Double.compare(other.probability, one.probability));
        return Collections.unmodifiableList(new ArrayList<>(guesses.subList(0, Math.min(most, guesses.size()))));
    }
}
