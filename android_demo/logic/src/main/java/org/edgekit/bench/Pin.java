package org.edgekit.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.edgekit.worker.Json;
import org.json.JSONException;
import org.json.JSONObject;

/** Which CPUs to run on: a cluster ({@code big}, {@code little}, {@code all}), named ones, or one per thread. */
public final class Pin {
    public static final List<String> CLUSTERS = Arrays.asList("big", "little", "all");
    /** One CPU per thread, fastest first. */
    public static final Pin FASTEST = new Pin(null, new ArrayList<>());

    private final String cluster;
    private final List<Integer> cpus;

    private Pin(String cluster, List<Integer> cpus) {
        this.cluster = cluster;
        this.cpus = cpus;
    }

    /**
     * Reads {@code big}, {@code little}, {@code all}, CPUs as in {@code 0,2-3}, or nothing.
     *
     * @throws IllegalArgumentException anything else
     */
    public static Pin parse(String text) {
        if (text == null || text.isEmpty()) {
            return FASTEST;
        }
        if (CLUSTERS.contains(text)) {
            return new Pin(text, new ArrayList<>());
        }
        List<Integer> cpus = new ArrayList<>();
        for (String part : text.split(",")) {
            if (!part.trim().matches("\\d{1,4}(-\\d{1,4})?")) {
                throw new IllegalArgumentException(
                        "'" + text + "' names no CPUs: write big, little, all, or numbers as in 0,2-3");
            }
            String[] ends = part.trim().split("-");
            for (int cpu = Integer.parseInt(ends[0]); cpu <= Integer.parseInt(ends[ends.length - 1]); cpu++) {
                cpus.add(cpu);
            }
        }
        return new Pin(null, cpus);
    }

    /** The worker's {@code pin}. */
    JSONObject toJson() throws JSONException {
        return new JSONObject().put("cpus", Json.array(cpus)).put("cluster", Json.orNull(cluster));
    }
}
