package org.edgekit.media;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Sound as samples in [-1, 1] at 16 kHz, one channel; from and to uncompressed .wav. */
public final class Sound {
    public static final int RATE_HZ = 16000;
    private static final int PCM = 1;
    private static final int EXTENSIBLE = 0xFFFE;
    private static final int LONGEST_BYTES = 64 << 20;

    private Sound() {}

    /**
     * Reads a PCM .wav of 8, 16, 24 or 32 bits: the mean of its channels, resampled linearly.
     *
     * @throws IOException it is none, or longer than 64 MB
     */
    public static float[] readWav(InputStream input) throws IOException {
        DataInputStream stream = new DataInputStream(input);
        ByteBuffer head = read(stream, 12);
        if (!tag(head, 0).equals("RIFF") || !tag(head, 8).equals("WAVE")) {
            throw new IOException("this is no .wav file");
        }
        ByteBuffer format = null;
        while (true) {
            ByteBuffer chunk = read(stream, 8);
            long size = chunk.getInt(4) & 0xFFFFFFFFL;
            if (size > LONGEST_BYTES) {
                throw new IOException("the .wav is longer than " + (LONGEST_BYTES >> 20) + " MB");
            }
            ByteBuffer content = read(stream, (int) size);
            if (tag(chunk, 0).equals("fmt ")) {
                format = content;
            } else if (tag(chunk, 0).equals("data")) {
                return decoded(format, content);
            }
            stream.skipBytes((int) (size & 1));
        }
    }

    private static float[] decoded(ByteBuffer format, ByteBuffer data) throws IOException {
        if (format == null || format.capacity() < 16) {
            throw new IOException("the .wav does not say its format");
        }
        int kind = format.getShort(0) & 0xFFFF;
        int channels = format.getShort(2);
        int rate = format.getInt(4);
        int width = format.getShort(14) / 8;
        if ((kind != PCM && kind != EXTENSIBLE) || channels < 1 || rate < 1 || width < 1 || width > 4) {
            throw new IOException("the .wav is not uncompressed PCM");
        }
        int count = data.capacity() / (width * channels);
        double[] samples = new double[count];
        for (int at = 0; at < count; at++) {
            double sum = 0;
            for (int channel = 0; channel < channels; channel++) {
                sum += sample(data, (at * channels + channel) * width, width);
            }
            samples[at] = sum / channels;
        }
        return resampled(samples, rate);
    }

    /** A little-endian PCM number in [-1, 1); one of 8 bits is the only unsigned one. */
    private static double sample(ByteBuffer data, int at, int width) {
        if (width == 1) {
            return ((data.get(at) & 255) - 128) / 128.0;
        }
        int value = 0;
        for (int part = 0; part < width; part++) {
            value |= (data.get(at + part) & 255) << 8 * (4 - width + part);
        }
        return value / 0x1p31;
    }

    private static float[] resampled(double[] samples, int rate) {
        int count = rate == RATE_HZ ? samples.length : (int) ((double) samples.length * RATE_HZ / rate);
        float[] result = new float[count];
        for (int at = 0; at < count; at++) {
            double place = at * ((double) rate / RATE_HZ);
            int before = Math.min((int) place, samples.length - 1);
            int after = Math.min(before + 1, samples.length - 1);
            result[at] = (float) (samples[before] + (place - before) * (samples[after] - samples[before]));
        }
        return result;
    }

    /** A .wav of 16 bits. */
    public static byte[] toWav(float[] samples) {
        int size = 2 * samples.length;
        ByteBuffer wav = ByteBuffer.allocate(44 + size).order(ByteOrder.LITTLE_ENDIAN);
        wav.put(ascii("RIFF")).putInt(36 + size).put(ascii("WAVEfmt ")).putInt(16);
        wav.putShort((short) PCM).putShort((short) 1).putInt(RATE_HZ).putInt(2 * RATE_HZ);
        wav.putShort((short) 2).putShort((short) 16).put(ascii("data")).putInt(size);
        for (float sample : samples) {
            wav.putShort((short) Math.max(-32768, Math.min(32767, Math.round(sample * 32768f))));
        }
        return wav.array();
    }

    private static ByteBuffer read(DataInputStream stream, int size) throws IOException {
        byte[] bytes = new byte[size];
        try {
            stream.readFully(bytes);
        } catch (EOFException error) {
            throw new IOException("the .wav ends too early", error);
        }
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static String tag(ByteBuffer bytes, int at) {
        return new String(bytes.array(), at, 4, StandardCharsets.US_ASCII);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
