package org.edgekit.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.edgekit.bundle.Model;
import org.edgekit.bundle.Port;
import org.edgekit.worker.Desk;
import org.edgekit.worker.DeviceDescription;
import org.edgekit.worker.Json;
import org.edgekit.worker.Message;
import org.edgekit.worker.Tensor;
import org.edgekit.worker.WorkerException;
import org.json.JSONException;
import org.json.JSONObject;

/** Times a model: every configuration in fresh processes that take turns, memory in a process of its own. */
public final class Bench {
    private static final int MEMORY_RUNS = 3;

    private final Model model;
    private final Desk desk;
    private final DeviceDescription description;
    private final Protocol protocol;
    private final Pin pin;
    private final long seed;

    /** @param protocol is overruled on an emulator, whose times mean nothing */
    public Bench(Model model, Desk desk, DeviceDescription description, Protocol protocol, Pin pin, long seed) {
        this.model = model;
        this.desk = desk;
        this.description = description;
        this.protocol = description.emulated ? Protocol.EMULATED : protocol;
        this.pin = pin;
        this.seed = seed;
    }

    /** Told how far a bench is. */
    public interface Progress {
        void at(int done, int total);
    }

    /**
     * Measures the model with each number of threads.
     *
     * @throws WorkerException ncnn refused the net, or died
     */
    public BenchReport run(List<Integer> threads, String precision, Progress progress)
            throws IOException, InterruptedException, WorkerException {
        try {
            BenchReport.Builder report = new BenchReport.Builder(model, protocol, seed, description);
            Map<Integer, List<Message>> rounds = new LinkedHashMap<>();
            for (int count : threads) {
                rounds.put(count, new ArrayList<>());
            }
            List<Integer> turns = turns(new ArrayList<>(rounds.keySet()));
            double rested = Double.NaN;
            int total = turns.size() + rounds.size();
            int done = 0;
            for (int count : turns) {
                progress.at(done++, total);
                Message reply = call(timed(count, precision, rested));
                rounds.get(count).add(reply);
                rested = Double.isNaN(rested) ? celsius(reply) : rested;
            }
            for (Map.Entry<Integer, List<Message>> each : rounds.entrySet()) {
                progress.at(done++, total);
                JSONObject options = model.options(precision, each.getKey());
                Message memory = call(request("memory", options).put("runs", MEMORY_RUNS));
                report.add(each.getKey(), precision, options, each.getValue(), memory);
            }
            progress.at(total, total);
            return report.build();
        } catch (JSONException error) {
            throw new IOException("the worker's answer is damaged: " + error.getMessage(), error);
        }
    }

    /** Every configuration once per round, in an order drawn anew each time. */
    private List<Integer> turns(List<Integer> counts) {
        Random random = new Random(seed);
        List<Integer> turns = new ArrayList<>();
        for (int round = 0; round < protocol.rounds; round++) {
            Collections.shuffle(counts, random);
            turns.addAll(counts);
        }
        return turns;
    }

    private Message call(JSONObject request) throws IOException, InterruptedException, WorkerException {
        Map<String, Tensor> inputs = model.referenceInputs();
        return desk.call(folder -> new Message(request, inputs).write(folder));
    }

    private JSONObject timed(int threads, String precision, double rested) throws IOException, JSONException {
        JSONObject request = request("bench", model.options(precision, threads)).put("layers", false);
        protocol.describe(request, rested);
        return request;
    }

    private JSONObject request(String command, JSONObject options) throws JSONException {
        JSONObject inputs = new JSONObject();
        for (Port port : model.bundle.inputs) {
            inputs.put(port.blob, port.blob);
        }
        List<String> outputs = new ArrayList<>();
        for (Port port : model.bundle.outputs) {
            outputs.add(port.blob);
        }
        return new JSONObject()
                .put("command", command)
                .put("files", model.files())
                .put("options", options)
                .put("inputs", inputs)
                .put("outputs", Json.array(outputs))
                .put("seed", seed)
                .put("pin", pin.toJson());
    }

    private static double celsius(Message reply) throws JSONException {
        return reply.body.getJSONObject("conditions").getJSONObject("before").optDouble("celsius", Double.NaN);
    }
}
