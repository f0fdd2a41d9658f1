package org.edgekit.inference;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.edgekit.bundle.Model;
import org.edgekit.bundle.Port;
import org.edgekit.media.Sound;
import org.edgekit.media.Spectrum;
import org.edgekit.worker.Desk;
import org.edgekit.worker.Message;
import org.edgekit.worker.Tensor;
import org.edgekit.worker.WorkerException;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Sends a sound through a model of spectra, block by block, its states carried along inside the worker. */
public final class Enhancer {
    private final Runs runs;
    private final Port given;
    private final Port spectrum;
    /** Frames that the model takes at once: axis 2 of (batch, real and imaginary part, frames, bins). */
    private final int length;

    /** @throws IOException the model gives no spectrum like the one that it takes */
    public Enhancer(Model model, Desk desk, String precision, int threads) throws IOException {
        this.runs = new Runs(model, desk, precision, threads);
        this.given = model.bundle.given();
        this.spectrum = spectrumOf(model, given);
        this.length = given.shape()[2];
        if (given.shape()[3] != Spectrum.BINS) {
            throw new IOException("a spectrum has " + Spectrum.BINS + " bins, the model takes " + given.shape()[3]);
        }
    }

    /** A sound that went through the model, and the median latency of one block of it. */
    public static final class Enhanced {
        public final float[] samples;
        public final int frames;
        public final double latencyS;
        /** Share of a sound's own length that computing it takes: below 1 is fast enough to run live. */
        public final double realTimeFactor;

        Enhanced(float[] samples, int frames, double latencyS, int framesPerBlock) {
            this.samples = samples;
            this.frames = frames;
            this.latencyS = latencyS;
            this.realTimeFactor = latencyS * Sound.RATE_HZ / ((double) framesPerBlock * Spectrum.HOP);
        }
    }

    /** @throws IOException the sound is shorter than one block */
    public Enhanced run(float[] samples) throws IOException, InterruptedException, WorkerException {
        if (samples.length < Spectrum.SIZE || 1 + samples.length / Spectrum.HOP < length) {
            throw new IOException("the sound is too short: the model takes " + length + " frames at once");
        }
        float[][] frames = Spectrum.of(samples);
        int blocks = frames.length / length;
        Map<String, Tensor> inputs = zeroStates();
        for (int block = 0; block < blocks; block++) {
            inputs.put(key(block), given.tensor(joined(frames, block * length)));
        }
        Message reply = runs.run(cases(blocks), inputs);
        float[][] enhanced = new float[blocks * length][2 * Spectrum.BINS];
        for (int block = 0; block < blocks; block++) {
            split(Runs.output(reply, key(block), spectrum).floats(), enhanced, block * length);
        }
        Map<String, Tensor> first = runs.model.referenceInputs();
        first.put(given.blob, inputs.get(key(0)));
        double latencyS = runs.latency(first);
        return new Enhanced(Spectrum.inverse(enhanced, samples.length), enhanced.length, latencyS, length);
    }

    private Map<String, Tensor> zeroStates() {
        Map<String, Tensor> states = new LinkedHashMap<>();
        for (Port port : runs.model.bundle.inputs) {
            if (port.next != null) {
                int count = 1;
                for (int size : port.matShape()) {
                    count *= size;
                }
                states.put(port.blob, port.tensor(new float[count]));
            }
        }
        return states;
    }

    /** A case per block; each takes the states that the one before kept. */
    private JSONArray cases(int blocks) throws IOException {
        try {
            JSONArray cases = new JSONArray();
            for (int block = 0; block < blocks; block++) {
                JSONObject inputs = new JSONObject().put(given.blob, key(block));
                JSONArray kept = new JSONArray();
                for (Port port : runs.model.bundle.inputs) {
                    if (port.next != null) {
                        String next = blobOf(port.next);
                        inputs.put(port.blob, block == 0 ? port.blob : "@" + key(block - 1) + ":" + next);
                        kept.put(next);
                    }
                }
                cases.put(
                        new JSONObject()
                                .put("id", key(block))
                                .put("inputs", inputs)
                                .put("outputs", new JSONArray().put(spectrum.blob))
                                .put("light_mode", true)
                                .put("keep", kept));
            }
            return cases;
        } catch (JSONException error) {
            throw new IOException(error);
        }
    }

    private static Port spectrumOf(Model model, Port input) throws IOException {
        for (Port port : model.bundle.outputs) {
            if (Arrays.equals(port.shape(), input.shape())) {
                return port;
            }
        }
        throw new IOException(model.bundle.name + " gives no spectrum");
    }

    private String blobOf(String output) throws IOException {
        for (Port port : runs.model.bundle.outputs) {
            if (port.name.equals(output)) {
                return port.blob;
            }
        }
        throw new IOException(runs.model.bundle.name + " has no output '" + output + "'");
    }

    /** Frames (each: part, bin) from {@code start} on as (part, frame, bin), the order of the input. */
    private float[] joined(float[][] frames, int start) {
        float[] block = new float[2 * length * Spectrum.BINS];
        for (int frame = 0; frame < length; frame++) {
            for (int part = 0; part < 2; part++) {
                int at = (part * length + frame) * Spectrum.BINS;
                System.arraycopy(frames[start + frame], part * Spectrum.BINS, block, at, Spectrum.BINS);
            }
        }
        return block;
    }

    private void split(float[] block, float[][] frames, int start) {
        for (int frame = 0; frame < length; frame++) {
            for (int part = 0; part < 2; part++) {
                int at = (part * length + frame) * Spectrum.BINS;
                System.arraycopy(block, at, frames[start + frame], part * Spectrum.BINS, Spectrum.BINS);
            }
        }
    }

    private static String key(int block) {
        return "block" + block;
    }
}
