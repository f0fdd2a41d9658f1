package org.edgekit.parity;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * From measurements to labels, by the rules of {@code edgekit verify} (edgekit/verifier/judge.py).
 *
 * <p>A layer is judged alone: it fails when its isolated error is above its floor, on the sample or, for a layer
 * with a bound, on its input scaled up, or when what it gives is no usable tensor. Labels describe the whole run.
 */
final class Judge {
    private static final double AMPLIFIED = 2;

    private final Expected expected;
    private final Measurements measurements;
    private final String precision;
    private final double smallest;
    private final Map<String, Boolean> dirty = new HashMap<>();

    Judge(Expected expected, Measurements measurements, String precision) throws JSONException {
        this.expected = expected;
        this.measurements = measurements;
        this.precision = precision;
        this.smallest = expected.smallest.getDouble(precision);
    }

    List<LayerVerdict> layers() throws JSONException {
        List<LayerVerdict> verdicts = new ArrayList<>();
        for (Expected.Layer layer : expected.layers) {
            verdicts.add(layer(layer));
        }
        return verdicts;
    }

    List<OutputVerdict> outputs() throws JSONException {
        List<OutputVerdict> verdicts = new ArrayList<>();
        for (Expected.Output output : expected.outputs) {
            verdicts.add(output(output));
        }
        return verdicts;
    }

    private LayerVerdict layer(Expected.Layer layer) throws JSONException {
        LayerVerdict.Builder verdict = new LayerVerdict.Builder(layer);
        if (layer.judged.isEmpty()) {
            return verdict.build();
        }
        worst(layer, verdict);
        verdict.scaled = scaled(layer);
        boolean failed = verdict.scaled != null && verdict.scaled.getString("status").equals(Status.FAIL.json());
        for (String blob : layer.judged) {
            for (int number = 0; number < expected.samples.size(); number++) {
                failed |= measurements.of(number, blob).isolated.above(isolatedFloor(blob, number), smallest);
            }
        }
        verdict.status = failed ? Status.FAIL : Status.PASS;
        verdict.gain = gain(layer, verdict.sample, verdict.measured);
        verdict.label = label(layer, failed, verdict.gain);
        verdict.typical = typical(verdict.blob);
        return verdict.build();
    }

    /** The blob and the sample whose isolated error is largest against its floor. */
    private void worst(Expected.Layer layer, LayerVerdict.Builder verdict) throws JSONException {
        double largest = Double.NEGATIVE_INFINITY;
        for (String blob : layer.judged) {
            for (int number = 0; number < expected.samples.size(); number++) {
                double floor = isolatedFloor(blob, number);
                Measurements.Blob measured = measurements.of(number, blob);
                double excess = excess(measured.isolated, floor);
                if (excess > largest) {
                    largest = excess;
                    verdict.blob = blob;
                    verdict.sample = number;
                    verdict.measured = measured;
                    verdict.floor = floor;
                }
            }
        }
    }

    private double excess(Comparison isolated, double floor) {
        if (isolated.worthless(smallest)) {
            return Double.POSITIVE_INFINITY;
        }
        double error = isolated.metrics.maxAbs;
        if (floor > 0) {
            return error / floor;
        }
        return error == 0 ? 0 : Double.POSITIVE_INFINITY;
    }

    /** The layer on its scaled input: the first sample that fails, else the first; null where it was not tried. */
    private JSONObject scaled(Expected.Layer layer) throws JSONException {
        JSONObject first = null;
        for (int number = 0; number < expected.samples.size(); number++) {
            for (Expected.Scaled each : expected.samples.get(number).scaled) {
                Comparison found = each.layer == layer.index ? measurements.of(number, each.blob).scaled : null;
                if (found == null) {
                    continue;
                }
                boolean failed = found.above(each.floor, smallest);
                if (first == null || failed) {
                    first =
                            new JSONObject()
                                    .put("factor", each.factor)
                                    .put("status", (failed ? Status.FAIL : Status.PASS).json())
                                    .put("metrics", LayerVerdict.metrics(found))
                                    .put("floor", each.floor)
                                    .put("finding", found.finding == null ? JSONObject.NULL : found.finding.json());
                }
                if (failed) {
                    return first;
                }
            }
        }
        return first;
    }

    /** Whether a blob carries an error in the whole run, on any sample. */
    private boolean isDirty(String blob) throws JSONException {
        Boolean known = dirty.get(blob);
        if (known == null) {
            boolean found = false;
            for (int number = 0; number < expected.samples.size(); number++) {
                found |= measurements.of(number, blob).propagated.above(propagatedFloor(blob, number), smallest);
            }
            known = found;
            dirty.put(blob, known);
        }
        return known;
    }

    private boolean anyDirty(List<String> blobs) throws JSONException {
        for (String blob : blobs) {
            if (isDirty(blob)) {
                return true;
            }
        }
        return false;
    }

    private Label label(Expected.Layer layer, boolean failed, double gain) throws JSONException {
        if (failed) {
            return Label.CREATED;
        }
        boolean dirtyIn = anyDirty(layer.anchors);
        if (!anyDirty(layer.judged)) {
            return dirtyIn ? Label.ABSORBED : Label.CLEAN;
        }
        return !dirtyIn || gain >= AMPLIFIED ? Label.AMPLIFIED : Label.INHERITED;
    }

    /** Relative RMSE out over the largest relative RMSE in; NaN where no number exists. */
    private double gain(Expected.Layer layer, int number, Measurements.Blob measured) {
        double largest = Double.NEGATIVE_INFINITY;
        for (String blob : layer.anchors) {
            Measurements.Blob incoming = measurements.of(number, blob);
            if (incoming != null) {
                largest = Math.max(largest, incoming.relative()); // keeps NaN
            }
        }
        return largest > 0 ? measured.relative() / largest : Double.NaN;
    }

    /** Median over the samples of the isolated error. */
    private double typical(String blob) {
        double[] errors = new double[expected.samples.size()];
        int count = 0;
        for (int number = 0; number < errors.length; number++) {
            Metrics metrics = measurements.of(number, blob).isolated.metrics;
            if (metrics != null) {
                errors[count++] = metrics.maxAbs;
            }
        }
        Arrays.sort(errors, 0, count);
        return count == 0 ? Double.NaN : (errors[(count - 1) / 2] + errors[count / 2]) / 2;
    }

    private OutputVerdict output(Expected.Output output) throws JSONException {
        int worst = 0;
        double largest = Double.NEGATIVE_INFINITY;
        for (int number = 0; number < expected.samples.size(); number++) {
            Metrics metrics = measurements.of(number, output.blob).propagated.metrics;
            double error = metrics == null ? Double.POSITIVE_INFINITY : metrics.maxAbs;
            if (error > largest) {
                largest = error;
                worst = number;
            }
        }
        Comparison comparison = measurements.of(worst, output.blob).propagated;
        Status status = isDirty(output.blob) ? Status.FAIL : Status.PASS;
        return new OutputVerdict(output, status, comparison, propagatedFloor(output.blob, worst));
    }

    private double isolatedFloor(String blob, int number) throws JSONException {
        return expected.samples.get(number).blobs.get(blob).isolated(precision);
    }

    private double propagatedFloor(String blob, int number) throws JSONException {
        return expected.samples.get(number).blobs.get(blob).propagated(precision);
    }
}
