package org.edgekit.parity;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.edgekit.worker.Json;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The verdict on one bundle in one precision; its JSON is that of {@code edgekit verify --json}. */
public final class VerifyReport {
    public static final String SCHEMA = "edgekit.verify/1";
    private static final String SUMS_IN_FP16 = "fp16";

    public final String target;
    public final String precision;
    public final List<LayerVerdict> layers;
    public final List<OutputVerdict> outputs;
    public final List<String> warnings;
    public final boolean passed;
    private final List<String> samples;
    private final JSONObject device;
    private final JSONObject weights;

    VerifyReport(String target, Expected expected, Measurements measurements, String precision, JSONObject device)
            throws JSONException {
        Judge judge = new Judge(expected, measurements, precision);
        this.target = target;
        this.precision = precision;
        this.device = device;
        this.weights = expected.weights;
        this.layers = Collections.unmodifiableList(judge.layers());
        this.outputs = Collections.unmodifiableList(judge.outputs());
        this.samples = new ArrayList<>();
        for (Expected.Sample sample : expected.samples) {
            samples.add(sample.name);
        }
        this.warnings = warnings(expected, measurements);
        boolean same = measurements.lightModeDiffers.isEmpty() && measurements.secondRunDiffers.isEmpty();
        this.passed = culprits().isEmpty() && compared() > 0 && same && outputsPass();
    }

    /** The layers that compute something else than PyTorch. */
    public List<LayerVerdict> culprits() {
        List<LayerVerdict> found = new ArrayList<>();
        for (LayerVerdict layer : layers) {
            if (layer.status == Status.FAIL) {
                found.add(layer);
            }
        }
        return found;
    }

    /** How many layers were compared. */
    public int compared() {
        int count = 0;
        for (LayerVerdict layer : layers) {
            count += layer.status == Status.UNMATCHED ? 0 : 1;
        }
        return count;
    }

    private boolean outputsPass() {
        for (OutputVerdict output : outputs) {
            if (output.status != Status.PASS) {
                return false;
            }
        }
        return true;
    }

    private List<String> warnings(Expected expected, Measurements measurements) throws JSONException {
        List<String> notes = new ArrayList<>(expected.warnings);
        if (precision.equals(SUMS_IN_FP16) && !device.getJSONObject("features").optBoolean("arm_asimdhp")) {
            notes.add(
                    device.getString("cpu")
                            + " has no fp16 arithmetic: ncnn computes in float32 there, and what passes may overflow on"
                            + " a phone; prove it with: --device qemu:cortex-a76");
        }
        for (String blob : measurements.lightModeDiffers) {
            notes.add(
                    "output blob '" + blob + "' changes when light mode is on: what was observed is not what runs");
        }
        for (String blob : measurements.secondRunDiffers) {
            notes.add("output blob '" + blob + "' differs between two runs of the same input");
        }
        if (compared() == 0) {
            notes.add("no layer could be compared: this is no pass");
        }
        return Collections.unmodifiableList(notes);
    }

    /** The document of schema {@code edgekit.verify/1}. */
    public JSONObject toJson() throws JSONException {
        JSONArray layerEntries = new JSONArray();
        JSONArray culpritNames = new JSONArray();
        JSONArray unmatched = new JSONArray();
        for (LayerVerdict layer : layers) {
            layerEntries.put(layer.toJson());
            if (layer.status == Status.FAIL) {
                culpritNames.put(layer.layer.name);
            } else if (layer.status == Status.UNMATCHED) {
                String reason = layer.layer.reason == null ? "" : layer.layer.reason;
                unmatched.put(new JSONObject().put("name", layer.layer.name).put("reason", reason));
            }
        }
        JSONArray outputEntries = new JSONArray();
        for (OutputVerdict output : outputs) {
            outputEntries.put(output.toJson());
        }
        return new JSONObject()
                .put("schema", SCHEMA)
                .put("target", target)
                .put("verdict", (passed ? Status.PASS : Status.FAIL).json())
                .put("precision", precision)
                .put("device", device)
                .put(
                        "coverage",
                        new JSONObject()
                                .put("layers", layers.size())
                                .put("compared", compared())
                                .put("unmatched", unmatched))
                .put("layers", layerEntries)
                .put("outputs", outputEntries)
                .put("culprits", culpritNames)
                .put("samples", Json.array(samples))
                .put("weights", weights)
                .put("warnings", Json.array(warnings));
    }
}
