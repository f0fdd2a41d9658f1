package org.edgekit.bench;

import java.io.IOException;
import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.TimeZone;
import org.edgekit.bundle.Model;
import org.edgekit.bundle.Port;
import org.edgekit.worker.DeviceDescription;
import org.edgekit.worker.Json;
import org.edgekit.worker.Message;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** What a bench measured; its JSON is {@code edgekit.bench/1}, for {@code edgekit bench --import}. */
public final class BenchReport {
    public static final String SCHEMA = "edgekit.bench/1";

    public final List<Result> results;
    private final JSONObject json;

    private BenchReport(List<Result> results, JSONObject json) {
        this.results = Collections.unmodifiableList(results);
        this.json = json;
    }

    public JSONObject toJson() {
        return json;
    }

    /** The figures of one configuration that a person looks at; latencies are NaN on an emulator. */
    public static final class Result {
        public final int threads;
        public final double medianS;
        public final double p90S;
        public final double lowS;
        public final double highS;
        public final double loadS;
        public final double firstS;
        public final int runs;
        public final long peakRssBytes;
        public final long blobPeakBytes;
        public final long workspacePeakBytes;
        public final long weightsBytes;

        Result(int threads, JSONObject json) throws JSONException {
            this.threads = threads;
            JSONObject latency = json.optJSONObject("latency_s");
            JSONObject memory = json.getJSONObject("memory");
            medianS = latency == null ? Double.NaN : latency.getDouble("median");
            p90S = latency == null ? Double.NaN : latency.getDouble("p90");
            lowS = latency == null ? Double.NaN : latency.getJSONArray("ci95").getDouble(0);
            highS = latency == null ? Double.NaN : latency.getJSONArray("ci95").getDouble(1);
            runs = latency == null ? 0 : latency.getJSONArray("samples").length();
            loadS = json.optDouble("load_s", Double.NaN);
            firstS = json.optDouble("first_s", Double.NaN);
            peakRssBytes = memory.getLong("peak_rss_bytes");
            blobPeakBytes = memory.getLong("blob_peak_bytes");
            workspacePeakBytes = memory.getLong("workspace_peak_bytes");
            weightsBytes = memory.getLong("weights_bytes");
        }
    }

    /** Gathers the replies of the worker. */
    static final class Builder {
        private final Model model;
        private final Protocol protocol;
        private final long seed;
        private final DeviceDescription description;
        private final String startedAt = now();
        private final List<Result> results = new ArrayList<>();
        private final JSONArray entries = new JSONArray();
        private JSONObject device;

        Builder(Model model, Protocol protocol, long seed, DeviceDescription description) {
            this.model = model;
            this.protocol = protocol;
            this.seed = seed;
            this.description = description;
        }

        void add(int threads, String precision, JSONObject options, List<Message> rounds, Message memory)
                throws IOException, JSONException {
            device = description.of(rounds.get(0).body.getJSONObject("environment"));
            List<double[]> samples = new ArrayList<>();
            double cpuS = 0;
            for (Message round : rounds) {
                samples.add(round.tensors.get("latency_s").doubles());
                cpuS += round.body.getJSONObject("conditions").getJSONObject("during").getDouble("cpu_s");
            }
            boolean timed = !description.emulated;
            double perRun = cpuS / Statistics.concatenated(samples).length;
            JSONObject result =
                    new JSONObject()
                            .put("target", model.bundle.name)
                            .put("runtime", "ncnn")
                            .put("threads", threads)
                            .put("precision", precision)
                            .put("weights", "file")
                            .put("inputs", inputs())
                            .put("input_values", "reference")
                            .put("model_sha256", model.sha256())
                            .put("latency_s", timed ? latency(samples) : JSONObject.NULL)
                            .put("cpu_s", timed ? Json.number(perRun) : JSONObject.NULL)
                            .put("instructions", JSONObject.NULL)
                            .put("load_s", timed ? median(rounds, "load_s") : JSONObject.NULL)
                            .put("first_s", timed ? median(rounds, "first_s") : JSONObject.NULL)
                            .put("memory", memory(memory.body))
                            .put("layers", new JSONArray())
                            .put("layer_sum_ratio", JSONObject.NULL)
                            .put("ridge", new JSONArray())
                            .put("validity", ungraded())
                            .put("conditions", conditions(rounds, options))
                            .put("facts", new JSONObject())
                            .put("simd", new JSONObject());
            entries.put(result);
            results.add(new Result(threads, result));
        }

        BenchReport build() throws JSONException {
            JSONObject json =
                    new JSONObject()
                            .put("schema", SCHEMA)
                            .put("mode", protocol.name)
                            .put("seed", seed)
                            .put("started_at", startedAt)
                            .put("interrupted", false)
                            .put("device", device)
                            .put("peaks", new JSONArray())
                            .put("results", entries)
                            .put("comparisons", new JSONArray())
                            .put("ratios", new JSONArray())
                            .put("against", JSONObject.NULL)
                            .put("holds", true);
            return new BenchReport(results, json);
        }

        private JSONObject inputs() throws JSONException {
            JSONObject shapes = new JSONObject();
            for (Port port : model.bundle.inputs) {
                shapes.put(port.blob, Json.array(port.matShape()));
            }
            return shapes;
        }

        private JSONObject latency(List<double[]> rounds) throws JSONException {
            double[] all = Statistics.concatenated(rounds);
            double[] interval = Statistics.medianInterval(rounds, seed);
            JSONArray counts = new JSONArray();
            for (double[] round : rounds) {
                counts.put(round.length);
            }
            JSONArray samples = new JSONArray();
            for (double sample : all) {
                samples.put(sample);
            }
            return new JSONObject()
                    .put("median", Statistics.median(all))
                    .put("p90", Statistics.percentile(all, 90))
                    .put("min", Statistics.percentile(all, 0))
                    .put("mean", Statistics.mean(all))
                    .put("std", Statistics.std(all))
                    .put("mad", Statistics.mad(all))
                    .put("ci95", new JSONArray().put(interval[0]).put(interval[1]))
                    .put("rounds", counts)
                    .put("samples", samples);
        }

        private static double median(List<Message> rounds, String key) throws JSONException {
            double[] values = new double[rounds.size()];
            for (int at = 0; at < values.length; at++) {
                values[at] = rounds.get(at).body.getDouble(key);
            }
            return Statistics.median(values);
        }

        private static JSONObject memory(JSONObject reply) throws JSONException {
            JSONObject memory = new JSONObject();
            for (String key :
                    new String[] {
                        "peak_rss_bytes", "loaded_rss_bytes", "blob_peak_bytes", "workspace_peak_bytes",
                        "weights_bytes", "counting_threads", "layers"
                    }) {
                memory.put(key, reply.get(key));
            }
            return memory;
        }

        /** The grade is given where the rules are, by {@code edgekit bench --import}, from the same samples. */
        private static JSONObject ungraded() throws JSONException {
            return new JSONObject().put("grade", JSONObject.NULL).put("warnings", new JSONArray());
        }

        private static JSONObject conditions(List<Message> rounds, JSONObject options) throws JSONException {
            JSONObject first = rounds.get(0).body;
            JSONArray each = new JSONArray();
            for (Message round : rounds) {
                JSONObject entry = new JSONObject(round.body.getJSONObject("conditions").toString());
                each.put(
                        entry.put("cpus", round.body.get("cpus"))
                                .put("warmup", round.body.get("warmup"))
                                .put("first_s", round.body.get("first_s")));
            }
            return new JSONObject()
                    .put("cpus", first.get("cpus"))
                    .put("clusters", first.get("clusters"))
                    .put("openmp", first.get("openmp"))
                    .put("governors", first.getJSONObject("conditions").getJSONObject("before").get("governors"))
                    .put("options", options)
                    .put("rounds", each);
        }

        private static String now() {
            SimpleDateFormat format = new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'+00:00'", Locale.ROOT);
            format.setTimeZone(TimeZone.getTimeZone("UTC"));
            return format.format(new Date());
        }
    }
}
