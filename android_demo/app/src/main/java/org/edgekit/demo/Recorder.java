package org.edgekit.demo;

import android.media.AudioFormat;
import android.media.AudioRecord;
import android.media.MediaRecorder;
import java.io.IOException;
import java.util.Arrays;
import org.edgekit.media.Sound;

/** Records the microphone. The caller has the permission. */
final class Recorder {
    private Recorder() {}

    /** Records for some seconds; interrupting the thread ends it early. Returns samples in [-1, 1). */
    @SuppressWarnings("MissingPermission")
    static float[] record(int seconds) throws IOException, InterruptedException {
        int channel = AudioFormat.CHANNEL_IN_MONO;
        int encoding = AudioFormat.ENCODING_PCM_16BIT;
        int least = AudioRecord.getMinBufferSize(Sound.RATE_HZ, channel, encoding);
        AudioRecord record =
                new AudioRecord(
                        MediaRecorder.AudioSource.VOICE_RECOGNITION,
                        Sound.RATE_HZ,
                        channel,
                        encoding,
                        Math.max(least, 2 * Sound.RATE_HZ));
        try {
            if (record.getState() != AudioRecord.STATE_INITIALIZED) {
                throw new IOException("the microphone cannot be opened");
            }
            record.startRecording();
            return read(record, seconds * Sound.RATE_HZ);
        } finally {
            record.release();
        }
    }

    private static float[] read(AudioRecord record, int count) throws IOException, InterruptedException {
        float[] samples = new float[count];
        short[] buffer = new short[Sound.RATE_HZ / 10];
        int at = 0;
        while (at < count) {
            int got = record.read(buffer, 0, Math.min(buffer.length, count - at));
            if (got < 0) {
                throw new IOException("the microphone stopped (error " + got + ")");
            }
            for (int index = 0; index < got; index++) {
                samples[at++] = buffer[index] / 32768f;
            }
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
        }
        return Arrays.copyOf(samples, at);
    }
}
