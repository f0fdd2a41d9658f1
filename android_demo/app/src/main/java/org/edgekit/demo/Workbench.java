package org.edgekit.demo;

import android.content.Context;
import android.net.Uri;
import android.os.Handler;
import android.os.Looper;
import android.util.Log;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.edgekit.bundle.BundleIndex;
import org.edgekit.bundle.PackedBundle;
import org.edgekit.headless.Command;
import org.edgekit.media.Sound;
import org.edgekit.worker.WorkerException;
import org.json.JSONException;

/** Does one job at a time, off the main thread, and tells whoever watches. All methods: main thread. */
final class Workbench {
    static final String TAG = "edgekit";
    private static final int RECORDED_SECONDS = 5;

    private final Context context;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final ExecutorService executor = Executors.newSingleThreadExecutor();
    private final AssetStore store;
    private final ResultFiles files;
    private final BundleIndex index;
    private final String indexError;
    private State state = State.IDLE;
    private Watcher watcher;
    private Future<?> job;

    /** Somebody who shows the state. */
    interface Watcher {
        void changed(State state);
    }

    /** What a job does, on a thread of its own. */
    private interface Work {
        Outcome run(Jobs jobs) throws IOException, InterruptedException, WorkerException, JSONException;
    }

    Workbench(Context application) {
        context = application;
        store = new AssetStore(application);
        files = new ResultFiles(application);
        BundleIndex found = BundleIndex.empty();
        String why = null;
        try {
            found = store.index();
        } catch (IOException error) {
            why = error.getMessage();
        }
        index = found;
        indexError = why;
        executor.execute(() -> store.prune(index));
    }

    BundleIndex index() {
        return index;
    }

    /** Why the index could not be read, or null. */
    String indexError() {
        return indexError;
    }

    /** From now on this one is told, first of the state as it is; null: nobody. */
    void watch(Watcher one) {
        watcher = one;
        if (one != null) {
            one.changed(state);
        }
    }

    void photo(PackedBundle bundle, Uri uri, Settings settings) {
        Photos photos = new Photos(context.getContentResolver());
        start(R.string.step_photo, jobs -> jobs.photo(bundle, photos.read(uri), settings));
    }

    void wav(PackedBundle bundle, Uri uri, Settings settings) {
        start(
                R.string.step_sound,
                jobs -> {
                    try (InputStream input = context.getContentResolver().openInputStream(uri)) {
                        if (input == null) {
                            throw new IOException(uri + " cannot be opened");
                        }
                        return jobs.enhance(bundle, Sound.readWav(input), settings);
                    }
                });
    }

    void microphone(PackedBundle bundle, Settings settings) {
        start(
                R.string.step_recording,
                jobs -> {
                    float[] samples = Recorder.record(RECORDED_SECONDS);
                    post(State.running(R.string.step_sound, 0, 0));
                    return jobs.enhance(bundle, samples, settings);
                });
    }

    void verify(PackedBundle bundle, Settings settings) {
        start(R.string.step_verify, jobs -> jobs.verify(bundle, settings.precision, settings.threads));
    }

    void bench(PackedBundle bundle, Settings settings) {
        List<Integer> threads = Collections.singletonList(settings.threads);
        start(
                R.string.step_bench,
                jobs -> jobs.bench(bundle, threads, settings.precision, settings.pin, settings.protocol));
    }

    /** Does what `am start` asked for, leaves a JSON file in any case, and logs one line. */
    void headless(Map<String, String> values) {
        if (state.isRunning()) {
            String asked = values.get(Command.COMMAND) + " " + values.get("bundle");
            Log.e(TAG, "failed " + asked + ": another job is running");
            return;
        }
        start(R.string.step_headless, jobs -> answered(jobs, values));
    }

    private Outcome answered(Jobs jobs, Map<String, String> values)
            throws IOException, InterruptedException, WorkerException, JSONException {
        String name = String.valueOf(values.get(Command.COMMAND));
        String bundle = String.valueOf(values.get("bundle"));
        try {
            Command command = Command.parse(values);
            PackedBundle packed = index.get(command.bundle);
            files.forget(command.fileName());
            String precision = command.precision == null ? packed.precision : command.precision;
            Outcome outcome =
                    command.name.equals(Command.VERIFY)
                            ? jobs.verify(packed, precision, command.threads.get(0))
                            : jobs.bench(packed, command.threads, precision, command.pin, command.protocol);
            Log.i(TAG, "done " + name + " " + bundle + " " + outcome.file);
            return outcome;
        } catch (InterruptedException | InterruptedIOException cancelled) {
            leaveFailure(name, bundle, "cancelled on the screen");
            throw cancelled;
        } catch (IOException | WorkerException | JSONException | RuntimeException | OutOfMemoryError error) {
            leaveFailure(name, bundle, why(error));
            throw error;
        }
    }

    /** Whoever waits for the line of log gets one, even where the file cannot be written. */
    private void leaveFailure(String command, String bundle, String why) {
        String file = (command + "-" + bundle).replaceAll("[^A-Za-z0-9._-]", "_") + ".json";
        String written;
        try {
            written = files.text(file, Command.failure(command, bundle, why)).getPath();
        } catch (IOException full) {
            written = "(" + full.getMessage() + ")";
        }
        Log.e(TAG, "failed " + command + " " + bundle + " " + written + ": " + why);
    }

    private static String why(Throwable error) {
        String message = error.getMessage();
        return message == null ? error.toString() : message;
    }

    void cancel() {
        if (job != null) {
            job.cancel(true);
        }
    }

    private void start(int step, Work work) {
        if (state.isRunning()) {
            return;
        }
        show(State.running(step, 0, 0));
        Jobs jobs = new Jobs(context, store, files, (done, total) -> post(State.running(step, done, total)));
        job = executor.submit(() -> post(ended(work, jobs)));
    }

    private State ended(Work work, Jobs jobs) {
        try {
            return State.ended(work.run(jobs));
        } catch (InterruptedException | InterruptedIOException cancelled) {
            return State.IDLE;
        } catch (IOException | WorkerException | JSONException | RuntimeException | OutOfMemoryError error) {
            Log.w(TAG, error);
            return State.failed(why(error));
        }
    }

    private void post(State next) {
        main.post(() -> show(next));
    }

    private void show(State next) {
        state = next;
        if (watcher != null) {
            watcher.changed(next);
        }
    }
}
