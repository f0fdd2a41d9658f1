package org.edgekit.demo;

import android.content.Context;
import android.graphics.Bitmap;
import java.io.File;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import org.edgekit.bench.Bench;
import org.edgekit.bench.BenchReport;
import org.edgekit.bench.Pin;
import org.edgekit.bench.Protocol;
import org.edgekit.bundle.Model;
import org.edgekit.bundle.PackedBundle;
import org.edgekit.bundle.Port;
import org.edgekit.headless.Command;
import org.edgekit.inference.Classes;
import org.edgekit.inference.Enhancer;
import org.edgekit.inference.Inference;
import org.edgekit.media.Sound;
import org.edgekit.parity.SelfTest;
import org.edgekit.parity.VerifyReport;
import org.edgekit.worker.Desk;
import org.edgekit.worker.DeviceDescription;
import org.edgekit.worker.Tensor;
import org.edgekit.worker.WorkerException;
import org.json.JSONException;

/** The jobs themselves: from a bundle and what a person gave to an outcome. Run off the main thread. */
final class Jobs {
    private static final int MOST_GUESSES = 5;
    private static final long SEED = 0;

    private final AssetStore store;
    private final ResultFiles files;
    private final Desk desk;
    private final Bench.Progress progress;
    private final DeviceDescription device = Device.describe();

    Jobs(Context context, AssetStore store, ResultFiles files, Bench.Progress progress) {
        this.store = store;
        this.files = files;
        this.desk = new Desk(new ServiceWorker(context), new File(context.getCacheDir(), "worker"));
        this.progress = progress;
    }

    Outcome photo(PackedBundle bundle, Bitmap bitmap, Settings settings)
            throws IOException, InterruptedException, WorkerException {
        Model model = store.model(bundle);
        Inference inference = new Inference(model, desk, settings.precision, settings.threads);
        Inference.Answer answer = inference.run(Photos.pixels(bitmap).tensor(bundle.given()));
        Port port = bundle.outputs.get(0);
        Tensor output = answer.outputs.get(port.name);
        int[] shape = port.shape();
        boolean vector = output.count() == shape[shape.length - 1];
        List<Classes.Guess> guesses =
                vector ? Classes.best(output.floats(), MOST_GUESSES) : Collections.<Classes.Guess>emptyList();
        Bitmap made = shape.length == 4 && shape[1] == 3 ? Pictures.of(output.floats(), shape[3], shape[2]) : null;
        return new Outcome.Photo(bitmap, guesses, made, answer.latencyS);
    }

    Outcome enhance(PackedBundle bundle, float[] samples, Settings settings)
            throws IOException, InterruptedException, WorkerException {
        Enhancer enhancer = new Enhancer(store.model(bundle), desk, settings.precision, settings.threads);
        Enhancer.Enhanced enhanced = enhancer.run(samples);
        return new Outcome.Enhanced(enhanced, files.bytes(bundle.name + ".wav", Sound.toWav(enhanced.samples)));
    }

    Outcome verify(PackedBundle bundle, String precision, int threads)
            throws IOException, InterruptedException, WorkerException, JSONException {
        Model model = store.model(bundle);
        VerifyReport report = new SelfTest(model.folder, desk, device).run(precision, threads);
        String name = Command.VERIFY + "-" + bundle.name + ".json";
        return new Outcome.Verified(report, files.text(name, report.toJson().toString(2)));
    }

    Outcome bench(PackedBundle bundle, List<Integer> threads, String precision, Pin pin, Protocol protocol)
            throws IOException, InterruptedException, WorkerException, JSONException {
        Bench bench = new Bench(store.model(bundle), desk, device, protocol, pin, SEED);
        BenchReport report = bench.run(threads, precision, progress);
        String name = Command.BENCH + "-" + bundle.name + ".json";
        return new Outcome.Benched(report, files.text(name, report.toJson().toString(2)));
    }
}
