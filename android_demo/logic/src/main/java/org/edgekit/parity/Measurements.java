package org.edgekit.parity;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.edgekit.worker.Message;
import org.edgekit.worker.Tensor;
import org.json.JSONException;
import org.json.JSONObject;

/** Every comparison of a run with its references: per sample, per blob. */
final class Measurements {
    private final List<Map<String, Blob>> samples = new ArrayList<>();
    final List<String> lightModeDiffers;
    final List<String> secondRunDiffers;

    /** The comparisons of one blob on one sample; {@code scaled} is null where there was no such case. */
    static final class Blob {
        final Comparison propagated;
        final Comparison isolated;
        final double scale;
        /** The shape that ncnn gave in the whole run, null where it gave nothing. */
        final int[] ncnnShape;
        final int[] shape;
        Comparison scaled;

        Blob(Comparison propagated, Comparison isolated, double scale, Tensor whole, Tensor reference) {
            this.propagated = propagated;
            this.isolated = isolated;
            this.scale = scale;
            this.ncnnShape = whole == null ? null : whole.shape();
            this.shape = reference.shape();
        }

        /** Relative RMSE of the whole run, NaN where there is no number. */
        double relative() {
            return propagated.metrics == null ? Double.NaN : propagated.metrics.rmse / scale;
        }
    }

    Measurements(Expected expected, Map<String, Tensor> references, Message reply) throws JSONException {
        JSONObject status = reply.body.getJSONObject("status");
        for (int number = 0; number < expected.samples.size(); number++) {
            samples.add(compare(number, expected, references, reply.tensors, status));
        }
        lightModeDiffers = differences(expected, reply.tensors, "whole", "light");
        secondRunDiffers = differences(expected, reply.tensors, "light", "again");
    }

    Blob of(int sample, String blob) {
        return samples.get(sample).get(blob);
    }

    private static Map<String, Blob> compare(
            int number,
            Expected expected,
            Map<String, Tensor> references,
            Map<String, Tensor> given,
            JSONObject status) {
        Expected.Sample sample = expected.samples.get(number);
        Map<String, Blob> found = new HashMap<>();
        for (Expected.Layer layer : expected.layers) {
            for (String blob : layer.judged) {
                Expected.Blob known = sample.blobs.get(blob);
                Tensor reference = references.get(known.tensor);
                boolean input = layer.type.equals("Input"); // is what it was given
                Tensor whole = input ? reference : given.get(number + ".whole:" + blob);
                Tensor alone = input ? reference : given.get(number + "." + layer.index + ":" + blob);
                found.put(
                        blob,
                        new Blob(
                                Comparison.of(whole, reference),
                                Comparison.of(alone, reference),
                                known.scale,
                                whole,
                                reference));
            }
        }
        for (Expected.Scaled scaled : sample.scaled) {
            String id = number + ".scaled" + scaled.layer;
            if (status.has(id)) {
                Tensor actual = given.get(id + ":" + scaled.blob);
                found.get(scaled.blob).scaled = Comparison.of(actual, references.get(scaled.tensor));
            }
        }
        return found;
    }

    /** Outputs that two runs of the same inputs do not give bit for bit alike. */
    private static List<String> differences(
            Expected expected, Map<String, Tensor> given, String left, String right) {
        List<String> differing = new ArrayList<>();
        for (Expected.Output output : expected.outputs) {
            for (int number = 0; number < expected.samples.size(); number++) {
                Tensor one = given.get(number + "." + left + ":" + output.blob);
                Tensor other = given.get(number + "." + right + ":" + output.blob);
                if (one != null && other != null && !same(one, other)) {
                    differing.add(output.blob);
                    break;
                }
            }
        }
        return differing;
    }

    private static boolean same(Tensor one, Tensor other) {
        if (!Arrays.equals(one.shape(), other.shape())) {
            return false;
        }
        double[] left = new double[one.count()];
        double[] right = new double[left.length];
        one.copy(0, left.length, left);
        other.copy(0, right.length, right);
        for (int at = 0; at < left.length; at++) {
            if (left[at] != right[at] && !(Double.isNaN(left[at]) && Double.isNaN(right[at]))) {
                return false;
            }
        }
        return true;
    }
}
