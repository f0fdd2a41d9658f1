package org.edgekit.headless;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.edgekit.bench.Pin;
import org.edgekit.bench.Protocol;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * What somebody asks for without touching the screen: {@code am start ... --es command verify --es bundle NAME}.
 *
 * <p>Keys: {@code command} (verify or bench), {@code bundle}, {@code precision} (the bundle's own), {@code threads}
 * (one for verify, a list as in 1,2,4 for bench), {@code cluster} (big, little, all, or CPUs as in 0,2-3),
 * {@code mode} (quick or certified).
 */
public final class Command {
    public static final String COMMAND = "command";
    public static final List<String> KEYS =
            Arrays.asList(COMMAND, "bundle", "precision", "threads", "cluster", "mode");
    public static final String VERIFY = "verify";
    public static final String BENCH = "bench";
    private static final int MOST_THREADS = 64;

    public final String name;
    public final String bundle;
    /** Null: the bundle's own. */
    public final String precision;
    public final List<Integer> threads;
    public final Pin pin;
    public final Protocol protocol;

    /** @throws IllegalArgumentException a value that makes no sense, in words for the person who gave it */
    public Command(
            String name, String bundle, String precision, String threads, String cluster, String mode) {
        if (!VERIFY.equals(name) && !BENCH.equals(name)) {
            throw new IllegalArgumentException("'" + name + "' is no command: verify or bench");
        }
        if (bundle == null || bundle.isEmpty()) {
            throw new IllegalArgumentException("no bundle is named: --es bundle NAME");
        }
        this.name = name;
        this.bundle = bundle;
        this.precision = precision;
        this.threads = threads(threads == null ? "1" : threads);
        this.pin = Pin.parse(cluster);
        this.protocol = protocol(mode);
    }

    /** Reads the values by their keys; those that are missing have a default, others are a mistake. */
    public static Command parse(Map<String, String> values) {
        for (String key : values.keySet()) {
            if (!KEYS.contains(key)) {
                throw new IllegalArgumentException("'" + key + "' is not one of " + KEYS);
            }
        }
        return new Command(
                values.get(COMMAND),
                values.get("bundle"),
                values.get("precision"),
                values.get("threads"),
                values.get("cluster"),
                values.get("mode"));
    }

    /** The file that its result goes to. */
    public String fileName() {
        return name + "-" + bundle + ".json";
    }

    /** What stands in that file when there is no result. */
    public static String failure(String command, String bundle, String why) {
        try {
            return new JSONObject()
                    .put("schema", "edgekit.failure/1")
                    .put("command", command)
                    .put("bundle", bundle)
                    .put("error", why)
                    .toString(2);
        } catch (JSONException impossible) {
            throw new IllegalStateException(impossible); // texts are always JSON
        }
    }

    private static Protocol protocol(String mode) {
        if (mode == null || mode.equals(Protocol.QUICK.name)) {
            return Protocol.QUICK;
        }
        if (mode.equals(Protocol.CERTIFIED.name)) {
            return Protocol.CERTIFIED;
        }
        throw new IllegalArgumentException("'" + mode + "' is no mode: quick or certified");
    }

    private static List<Integer> threads(String text) {
        List<Integer> counts = new ArrayList<>();
        for (String part : text.split(",")) {
            if (!part.trim().matches("\\d{1,2}")) {
                throw new IllegalArgumentException("'" + text + "' is no list of threads as in 1,2,4");
            }
            int count = Integer.parseInt(part.trim());
            if (count < 1 || count > MOST_THREADS) {
                throw new IllegalArgumentException(count + " threads: from 1 to " + MOST_THREADS);
            }
            if (!counts.contains(count)) {
                counts.add(count);
            }
        }
        return counts;
    }
}
