package org.edgekit.demo;

import android.content.res.Resources;
import android.text.SpannableStringBuilder;
import android.text.Spanned;
import android.text.style.ForegroundColorSpan;
import java.util.Locale;
import org.edgekit.bench.BenchReport;
import org.edgekit.inference.Classes;
import org.edgekit.inference.Enhancer;
import org.edgekit.parity.Comparison;
import org.edgekit.parity.Label;
import org.edgekit.parity.LayerVerdict;
import org.edgekit.parity.OutputVerdict;
import org.edgekit.parity.Status;
import org.edgekit.parity.VerifyReport;

/** Results in words. */
final class Words {
    private static final double KIBI = 1024;

    private final Resources resources;
    private final int[] labelColours;

    /** @param labelColours by {@link Label#ordinal()}, for the current theme */
    Words(Resources resources, int[] labelColours) {
        this.resources = resources;
        this.labelColours = labelColours.clone();
    }

    CharSequence of(Outcome.Photo photo) {
        StringBuilder text = new StringBuilder(resources.getString(R.string.latency_line, duration(photo.latencyS)));
        for (Classes.Guess guess : photo.guesses) {
            text.append('\n').append(resources.getString(R.string.guess_line, guess.number, 100 * guess.probability));
        }
        return text;
    }

    CharSequence of(Enhancer.Enhanced sound) {
        return resources.getString(
                R.string.enhanced, sound.frames, duration(sound.latencyS), 100 * sound.realTimeFactor);
    }

    /** The verdict, its culprits and the outputs. */
    CharSequence summary(VerifyReport report) {
        StringBuilder text = new StringBuilder();
        int culprits = report.culprits().size();
        int layers = report.layers.size();
        text.append(
                report.passed
                        ? resources.getString(R.string.verdict_pass, report.compared(), layers)
                        : resources.getQuantityString(R.plurals.verdict_fail, culprits, culprits, layers));
        for (OutputVerdict output : report.outputs) {
            int words = output.status == Status.PASS ? R.string.output_pass : R.string.output_fail;
            text.append('\n').append(
                    resources.getString(words, output.name, error(output.comparison), error(output.floor)));
        }
        for (String warning : report.warnings) {
            text.append('\n').append(resources.getString(R.string.warning_line, warning));
        }
        return text;
    }

    /** A line for each layer; unless {@code all} are wanted, of clean layers only their number. */
    CharSequence layers(VerifyReport report, boolean all) {
        SpannableStringBuilder text = new SpannableStringBuilder();
        int clean = 0;
        for (LayerVerdict layer : report.layers) {
            if (layer.label == Label.CLEAN && layer.status != Status.UNMATCHED && !all) {
                clean++;
                continue;
            }
            appendLayer(text, layer);
        }
        if (clean > 0) {
            text.append(resources.getQuantityString(R.plurals.clean_layers, clean, clean));
        }
        return text;
    }

    private void appendLayer(SpannableStringBuilder text, LayerVerdict layer) {
        int start = text.length();
        String label = layer.status == Status.UNMATCHED ? layer.status.json() : layer.label.json();
        text.append(label);
        int colour = labelColours[layer.label.ordinal()];
        text.setSpan(new ForegroundColorSpan(colour), start, text.length(), Spanned.SPAN_EXCLUSIVE_EXCLUSIVE);
        text.append(' ');
        text.append(
                resources.getString(
                        R.string.layer_line,
                        layer.layer.index,
                        layer.layer.name,
                        layer.layer.type,
                        error(layer.propagated),
                        error(layer.isolated),
                        error(layer.floor)));
        text.append('\n');
    }

    CharSequence of(BenchReport report) {
        StringBuilder text = new StringBuilder();
        for (BenchReport.Result result : report.results) {
            if (text.length() > 0) {
                text.append("\n\n");
            }
            text.append(
                    resources.getQuantityString(R.plurals.threads_line, result.threads, result.threads));
            text.append('\n').append(
                    Double.isNaN(result.medianS)
                            ? resources.getString(R.string.no_times)
                            : resources.getString(
                                    R.string.times,
                                    duration(result.medianS),
                                    duration(result.lowS),
                                    duration(result.highS),
                                    duration(result.p90S),
                                    result.runs,
                                    duration(result.loadS),
                                    duration(result.firstS)));
            text.append('\n').append(
                    resources.getString(
                            R.string.memory,
                            bytes(result.peakRssBytes),
                            bytes(result.weightsBytes),
                            bytes(result.blobPeakBytes),
                            bytes(result.workspacePeakBytes)));
        }
        return text;
    }

    static String bytes(long count) {
        return count < KIBI * KIBI
                ? String.format(Locale.getDefault(), "%.0f KiB", count / KIBI)
                : String.format(Locale.getDefault(), "%.1f MiB", count / (KIBI * KIBI));
    }

    private static String duration(double seconds) {
        return seconds < 1
                ? String.format(Locale.getDefault(), "%.3g ms", 1000 * seconds)
                : String.format(Locale.getDefault(), "%.3g s", seconds);
    }

    private static String error(Comparison comparison) {
        if (comparison == null) {
            return "-";
        }
        return comparison.metrics == null ? comparison.finding.json() : error(comparison.metrics.maxAbs);
    }

    private static String error(double value) {
        return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.1e", value);
    }
}
