package org.edgekit.inference;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.edgekit.bench.Statistics;
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

/** Runs of one model in one precision. */
final class Runs {
    final Model model;
    private final Desk desk;
    private final String precision;
    private final int threads;

    Runs(Model model, Desk desk, String precision, int threads) {
        this.model = model;
        this.desk = desk;
        this.precision = precision;
        this.threads = threads;
    }

    /** Runs cases; the keys of {@code tensors} are those that the cases name. */
    Message run(JSONArray cases, Map<String, Tensor> tensors)
            throws IOException, InterruptedException, WorkerException {
        try {
            JSONObject request = request("run").put("cases", cases);
            return desk.call(folder -> new Message(request, tensors).write(folder));
        } catch (JSONException error) {
            throw new IOException(error);
        }
    }

    /** The median of at least ten inferences in a process of its own, after a short warm-up; inputs by blob. */
    double latency(Map<String, Tensor> inputs) throws IOException, InterruptedException, WorkerException {
        try {
            JSONObject named = new JSONObject();
            for (String blob : inputs.keySet()) {
                named.put(blob, blob);
            }
            JSONObject warmUp = new JSONObject().put("min_s", 0.1).put("max_s", 0.5).put("tolerance", 0.05);
            JSONObject sampling = new JSONObject().put("min_runs", 10).put("min_s", 0.1).put("max_s", 2);
            JSONObject request =
                    request("bench")
                            .put("inputs", named)
                            .put("outputs", Json.array(outputBlobs()))
                            .put("seed", 0)
                            .put("pin", new JSONObject())
                            .put("layers", false)
                            .put("warmup", warmUp)
                            .put("sampling", sampling);
            Message reply = desk.call(folder -> new Message(request, inputs).write(folder));
            return Statistics.median(reply.tensors.get("latency_s").doubles());
        } catch (JSONException error) {
            throw new IOException(error);
        }
    }

    List<String> outputBlobs() {
        List<String> blobs = new ArrayList<>();
        for (Port port : model.bundle.outputs) {
            blobs.add(port.blob);
        }
        return blobs;
    }

    static Tensor output(Message reply, String caseId, Port port) throws IOException {
        Tensor tensor = reply.tensors.get(caseId + ":" + port.blob);
        if (tensor == null) {
            throw new IOException("ncnn gave no output '" + port.name + "'");
        }
        return tensor;
    }

    private JSONObject request(String command) throws IOException, JSONException {
        return new JSONObject()
                .put("command", command)
                .put("files", model.files())
                .put("options", model.options(precision, threads));
    }
}
