package org.edgekit.bench;

import org.json.JSONException;
import org.json.JSONObject;

/** How long one configuration is measured; the modes are those of {@code edgekit bench}. */
public final class Protocol {
    public static final Protocol QUICK = new Protocol("quick", 3, 50, 1, 30, 4, 0);
    public static final Protocol CERTIFIED = new Protocol("certified", 10, 1024, 60, 600, 20, 120);
    /** On an emulator, whose times mean nothing: one run, for memory and for what ncnn saw. */
    public static final Protocol EMULATED = new Protocol("emulated", 1, 1, 0, 0, 0, 0);

    private static final double WARMUP_S = 0.5;
    private static final double STEADY_TOLERANCE = 0.03;
    private static final double WARMER_CELSIUS = 2; // than at rest is still cool

    public final String name;
    /** Fresh processes that share the minima. */
    public final int rounds;
    public final int minRuns;
    private final double minS;
    private final double maxS;
    private final double maxWarmupS;
    private final double coolDownS;

    private Protocol(
            String name, int rounds, int minRuns, double minS, double maxS, double maxWarmupS, double coolDownS) {
        this.name = name;
        this.rounds = rounds;
        this.minRuns = minRuns;
        this.minS = minS;
        this.maxS = maxS;
        this.maxWarmupS = maxWarmupS;
        this.coolDownS = coolDownS;
    }

    /** Adds {@code warmup}, {@code sampling} and {@code cool_down} to a request; {@code rested} may be NaN. */
    void describe(JSONObject request, double rested) throws JSONException {
        request.put(
                "warmup",
                new JSONObject()
                        .put("min_s", Math.min(WARMUP_S, maxWarmupS))
                        .put("max_s", maxWarmupS)
                        .put("tolerance", STEADY_TOLERANCE));
        request.put(
                "sampling",
                new JSONObject()
                        .put("min_runs", (minRuns + rounds - 1) / rounds)
                        .put("min_s", minS / rounds)
                        .put("max_s", maxS / rounds));
        if (coolDownS > 0 && !Double.isNaN(rested)) {
            request.put(
                    "cool_down", new JSONObject().put("celsius", rested + WARMER_CELSIUS).put("max_s", coolDownS));
        }
    }
}
