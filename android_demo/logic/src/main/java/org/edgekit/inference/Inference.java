package org.edgekit.inference;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.edgekit.bundle.Model;
import org.edgekit.bundle.Port;
import org.edgekit.worker.Desk;
import org.edgekit.worker.Json;
import org.edgekit.worker.Message;
import org.edgekit.worker.Tensor;
import org.edgekit.worker.WorkerException;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Runs a model once on what a person gave it. */
public final class Inference {
    private static final String CASE = "once";

    private final Runs runs;

    public Inference(Model model, Desk desk, String precision, int threads) {
        this.runs = new Runs(model, desk, precision, threads);
    }

    /** The outputs by name, and the median latency of at least ten runs on the same input. */
    public static final class Answer {
        public final Map<String, Tensor> outputs;
        public final double latencyS;

        Answer(Map<String, Tensor> outputs, double latencyS) {
            this.outputs = outputs;
            this.latencyS = latencyS;
        }
    }

    /** Runs the model on one input, states being those of the bundle's reference. */
    public Answer run(Tensor given) throws IOException, InterruptedException, WorkerException {
        Map<String, Tensor> inputs = runs.model.referenceInputs();
        inputs.put(runs.model.bundle.given().blob, given);
        Message reply = runs.run(new JSONArray().put(once(inputs)), inputs);
        Map<String, Tensor> outputs = new LinkedHashMap<>();
        for (Port port : runs.model.bundle.outputs) {
            outputs.put(port.name, Runs.output(reply, CASE, port));
        }
        return new Answer(outputs, runs.latency(inputs));
    }

    private JSONObject once(Map<String, Tensor> inputs) throws IOException {
        try {
            JSONObject keys = new JSONObject();
            for (String blob : inputs.keySet()) {
                keys.put(blob, blob);
            }
            return new JSONObject()
                    .put("id", CASE)
                    .put("inputs", keys)
                    .put("outputs", Json.array(runs.outputBlobs()))
                    .put("light_mode", true);
        } catch (JSONException error) {
            throw new IOException(error);
        }
    }
}
