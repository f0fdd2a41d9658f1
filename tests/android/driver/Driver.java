import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.edgekit.bench.Bench;
import org.edgekit.bench.Pin;
import org.edgekit.bench.Protocol;
import org.edgekit.bundle.BundleIndex;
import org.edgekit.bundle.Model;
import org.edgekit.bundle.Port;
import org.edgekit.headless.Command;
import org.edgekit.inference.Classes;
import org.edgekit.inference.Enhancer;
import org.edgekit.inference.Inference;
import org.edgekit.media.Pixels;
import org.edgekit.media.Sound;
import org.edgekit.media.Spectrum;
import org.edgekit.parity.SelfTest;
import org.edgekit.tests.Program;
import org.edgekit.worker.Desk;
import org.edgekit.worker.DeviceDescription;
import org.edgekit.worker.Files;
import org.edgekit.worker.NativeRunner;
import org.edgekit.worker.Tensor;
import org.edgekit.worker.Watch;
import org.edgekit.worker.Worker;
import org.edgekit.worker.WorkerException;
import org.json.JSONArray;
import org.json.JSONObject;

/** Calls the app's plain Java on a JVM of this machine: `Driver WORKER COMMAND ...`, JSON to stdout. */
public final class Driver {
    private final Worker worker;
    private final String[] arguments;

    private Driver(Worker worker, String[] arguments) {
        this.worker = worker;
        this.arguments = arguments;
    }

    /** WORKER is `jni`, or a program and its arguments joined by `|` that serves `REQUEST RESULT`. */
    public static void main(String[] all) throws Exception {
        Worker worker = all[0].equals("jni") ? new NativeRunner() : new Program(all[0].split("\\|"));
        Driver driver = new Driver(worker, Arrays.copyOfRange(all, 2, all.length));
        JSONObject answer;
        try {
            answer = driver.run(all[1]);
        } catch (Exception | Error error) {
            answer = new JSONObject().put("exception", error.getClass().getName()).put("message", error.getMessage());
            if (error instanceof WorkerException) {
                answer.put("step", ((WorkerException) error).step).put("crashed", ((WorkerException) error).crashed);
            }
        }
        System.out.println(answer);
    }

    private JSONObject run(String command) throws Exception {
        switch (command) {
            case "verify":
                return verify();
            case "bench":
                return bench();
            case "infer":
                return infer();
            case "enhance":
                return enhance();
            case "spectrum":
                return spectrum();
            case "serve":
                worker.serve(new File(arguments[0]), new File(arguments[1]));
                return new JSONObject();
            case "null":
                java.lang.reflect.Method serve =
                        NativeRunner.class.getDeclaredMethod("serve", byte[].class, byte[].class);
                serve.setAccessible(true);
                try {
                    serve.invoke(null, null, null);
                } catch (java.lang.reflect.InvocationTargetException thrown) {
                    throw (Exception) thrown.getCause();
                }
                return new JSONObject();
            case "version":
                return new JSONObject().put("ncnn", new NativeRunner().ncnnVersion());
            case "command":
                return command();
            case "watch":
                Watch watch = new Watch(new File(arguments[0]), Double.parseDouble(arguments[1]));
                return new JSONObject().put("stuck", watch.isStuck()).put("why", watch.why());
            default:
                throw new IllegalArgumentException(command);
        }
    }

    private Model model() throws IOException {
        File assets = new File(arguments[0]);
        BundleIndex index = BundleIndex.parse(Files.readText(new File(assets, BundleIndex.FILE)));
        return new Model(index.get(arguments[1]), new File(assets, arguments[1]));
    }

    private Desk desk() {
        return new Desk(worker, new File(System.getProperty("java.io.tmpdir"), "desk"));
    }

    private static DeviceDescription device(boolean emulated) {
        return new DeviceDescription("android", "Test phone, Android 0", emulated);
    }

    private JSONObject verify() throws Exception {
        SelfTest test = new SelfTest(model().folder, desk(), device(false));
        return test.run(arguments[2], Integer.parseInt(arguments[3])).toJson();
    }

    private JSONObject bench() throws Exception {
        List<Integer> threads = new ArrayList<>();
        for (String count : arguments[3].split(",")) {
            threads.add(Integer.valueOf(count));
        }
        DeviceDescription device = device(arguments.length > 5);
        Bench bench = new Bench(model(), desk(), device, Protocol.QUICK, Pin.parse(arguments[4]), 0);
        return bench.run(threads, arguments[2], (done, total) -> {}).toJson();
    }

    /** ASSETS NAME PIXELS WIDTH HEIGHT: raw ARGB integers, little-endian. */
    private JSONObject infer() throws Exception {
        Model model = model();
        int width = Integer.parseInt(arguments[3]);
        int height = Integer.parseInt(arguments[4]);
        int[] argb = new int[width * height];
        bytes(new File(arguments[2])).asIntBuffer().get(argb);
        Tensor input = new Pixels(argb, width, height).tensor(model.bundle.given());
        Inference.Answer answer = new Inference(model, desk(), "fp32", 1).run(input);
        JSONObject outputs = new JSONObject();
        for (Map.Entry<String, Tensor> each : answer.outputs.entrySet()) {
            outputs.put(each.getKey(), numbers(each.getValue().floats()));
        }
        Tensor first = answer.outputs.get(model.bundle.outputs.get(0).name);
        JSONArray guesses = new JSONArray();
        for (Classes.Guess guess : Classes.best(first.floats(), 3)) {
            guesses.put(new JSONArray().put(guess.number).put(guess.probability));
        }
        return new JSONObject()
                .put("input", numbers(input.floats()))
                .put("outputs", outputs)
                .put("guesses", guesses)
                .put("latency_s", answer.latencyS);
    }

    /** ASSETS NAME IN.wav OUT.wav. */
    private JSONObject enhance() throws Exception {
        try (InputStream input = new FileInputStream(arguments[2]);
                OutputStream output = new FileOutputStream(arguments[3])) {
            Enhancer.Enhanced enhanced = new Enhancer(model(), desk(), "fp32", 1).run(Sound.readWav(input));
            output.write(Sound.toWav(enhanced.samples));
            return new JSONObject()
                    .put("frames", enhanced.frames)
                    .put("samples", numbers(enhanced.samples))
                    .put("latency_s", enhanced.latencyS);
        }
    }

    /** IN.wav: the samples, their spectrum, and the samples that come back. */
    private JSONObject spectrum() throws Exception {
        try (InputStream input = new FileInputStream(arguments[0])) {
            float[] samples = Sound.readWav(input);
            float[][] frames = Spectrum.of(samples);
            JSONArray rows = new JSONArray();
            for (float[] frame : frames) {
                rows.put(numbers(frame));
            }
            return new JSONObject()
                    .put("samples", numbers(samples))
                    .put("frames", rows)
                    .put("back", numbers(Spectrum.inverse(frames, samples.length)));
        }
    }

    /** KEY=VALUE ...: what headless use would run. */
    private JSONObject command() throws Exception {
        Map<String, String> values = new LinkedHashMap<>();
        for (String argument : arguments) {
            values.put(argument.split("=", 2)[0], argument.split("=", 2)[1]);
        }
        Command command = Command.parse(values);
        return new JSONObject()
                .put("name", command.name)
                .put("threads", new JSONArray(command.threads))
                .put("mode", command.protocol.name)
                .put("file", command.fileName());
    }

    private static JSONArray numbers(float[] values) throws Exception {
        JSONArray array = new JSONArray();
        for (float value : values) {
            array.put((double) value);
        }
        return array;
    }

    private static ByteBuffer bytes(File file) throws IOException {
        try (InputStream input = new FileInputStream(file)) {
            return ByteBuffer.wrap(input.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
        }
    }
}
