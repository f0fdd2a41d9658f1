package org.edgekit.demo;

import android.content.Context;
import android.widget.ArrayAdapter;
import android.widget.Spinner;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.edgekit.bench.Pin;
import org.edgekit.bench.Protocol;

/** The spinners that say how to run. */
final class Choices {
    private static final List<String> PRECISIONS = Arrays.asList("fp32", "fp16", "fp16-storage", "bf16");

    private final Spinner precision;
    private final Spinner threads;
    private final Spinner cluster;
    private final Spinner mode;

    Choices(Context context, Spinner precision, Spinner threads, Spinner cluster, Spinner mode) {
        this.precision = precision;
        this.threads = threads;
        this.cluster = cluster;
        this.mode = mode;
        fill(context, precision, PRECISIONS);
        fill(context, threads, counts());
        fill(context, cluster, Arrays.asList(context.getResources().getStringArray(R.array.clusters)));
        fill(context, mode, Arrays.asList(context.getResources().getStringArray(R.array.modes)));
    }

    static void fill(Context context, Spinner spinner, List<String> words) {
        ArrayAdapter<String> adapter = new ArrayAdapter<>(context, android.R.layout.simple_spinner_item, words);
        adapter.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item);
        spinner.setAdapter(adapter);
    }

    Settings settings() {
        int place = cluster.getSelectedItemPosition(); // the first is none of Pin's clusters
        return new Settings(
                PRECISIONS.get(precision.getSelectedItemPosition()),
                Integer.parseInt((String) threads.getSelectedItem()),
                place <= 0 ? Pin.FASTEST : Pin.parse(Pin.CLUSTERS.get(place - 1)),
                mode.getSelectedItemPosition() == 0 ? Protocol.QUICK : Protocol.CERTIFIED);
    }

    /** 1, 2, 4 ... up to the number of cores. */
    private static List<String> counts() {
        List<String> counts = new ArrayList<>();
        int cores = Runtime.getRuntime().availableProcessors();
        for (int count = 1; count <= cores; count *= 2) {
            counts.add(String.valueOf(count));
        }
        return counts;
    }
}
