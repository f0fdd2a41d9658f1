package org.edgekit.parity;

import org.edgekit.worker.Json;
import org.json.JSONException;
import org.json.JSONObject;

/** The verdict on one ncnn layer; of several samples the metrics are those of the worst one. */
public final class LayerVerdict {
    public final Expected.Layer layer;
    public final Status status;
    public final Label label;
    public final String blob;
    /** Null for an unmatched layer, as are the floor and the sample below. */
    public final Comparison propagated;
    public final Comparison isolated;
    public final double floor;
    public final int sample;
    final double gain;
    final double typical;
    final int[] shape;
    final int[] ncnnShape;
    final JSONObject scaled;

    private LayerVerdict(Builder from) {
        layer = from.layer;
        status = from.status;
        label = from.label;
        blob = from.blob;
        propagated = from.measured == null ? null : from.measured.propagated;
        isolated = from.measured == null ? null : from.measured.isolated;
        shape = from.measured == null ? new int[0] : from.measured.shape;
        ncnnShape = from.measured == null ? null : from.measured.ncnnShape;
        floor = from.floor;
        sample = from.sample;
        gain = from.gain;
        typical = from.typical;
        scaled = from.scaled;
    }

    /** What the judge has found of a layer so far. */
    static final class Builder {
        private final Expected.Layer layer;
        Status status = Status.UNMATCHED;
        Label label = Label.CLEAN;
        String blob;
        Measurements.Blob measured;
        double floor = Double.NaN;
        int sample;
        double gain = Double.NaN;
        double typical = Double.NaN;
        JSONObject scaled;

        Builder(Expected.Layer layer) {
            this.layer = layer;
            this.blob = layer.outputs.isEmpty() ? "" : layer.outputs.get(0);
        }

        LayerVerdict build() {
            return new LayerVerdict(this);
        }
    }

    /** A layer in {@code edgekit.verify/1}. */
    JSONObject toJson() throws JSONException {
        Finding finding = isolated == null || status != Status.FAIL ? null : isolated.finding;
        Finding elsewhere = propagated == null ? null : propagated.finding;
        return new JSONObject()
                .put("index", layer.index)
                .put("name", layer.name)
                .put("type", layer.type)
                .put("blob", blob)
                .put("shape", Json.array(shape))
                .put("source", status == Status.UNMATCHED ? JSONObject.NULL : Json.orNull(layer.source))
                .put("status", status.json())
                .put("label", label.json())
                .put("propagated", metrics(propagated))
                .put("isolated", metrics(isolated))
                .put("floor", Json.number(floor))
                .put("gain", Json.number(gain))
                .put("finding", finding == null ? JSONObject.NULL : finding.json())
                .put("reason", Json.orNull(layer.reason))
                .put("method", Json.orNull(layer.methods.opt(blob)))
                .put("confidence", Json.orNull(layer.confidences.opt(blob)))
                .put("typical", Json.number(typical))
                .put("ncnn_shape", ncnnShape == null ? JSONObject.NULL : Json.array(ncnnShape))
                .put("propagated_finding", elsewhere == null ? JSONObject.NULL : elsewhere.json())
                .put("inputs", Json.array(layer.inputs))
                .put("outputs", Json.array(layer.outputs))
                .put("scaled", Json.orNull(scaled))
                .put("sample", sample)
                .put("why", JSONObject.NULL)
                .put("remedy", JSONObject.NULL);
    }

    static Object metrics(Comparison comparison) throws JSONException {
        boolean none = comparison == null || comparison.metrics == null;
        return none ? JSONObject.NULL : comparison.metrics.toJson();
    }
}
