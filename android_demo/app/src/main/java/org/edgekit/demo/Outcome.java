package org.edgekit.demo;

import android.graphics.Bitmap;
import java.io.File;
import java.util.List;
import org.edgekit.bench.BenchReport;
import org.edgekit.inference.Classes;
import org.edgekit.inference.Enhancer;
import org.edgekit.parity.VerifyReport;

/** What a job ended with; {@code file} is what can be shared, null where there is none. */
abstract class Outcome {
    final File file;

    private Outcome(File file) {
        this.file = file;
    }

    /** Somebody who can show every kind of outcome. */
    interface Viewer {
        void show(Photo photo);

        void show(Enhanced enhanced);

        void show(Verified verified);

        void show(Benched benched);
    }

    abstract void showOn(Viewer viewer);

    /** A photograph that went through a model. {@code guesses} is empty when the output is no vector. */
    static final class Photo extends Outcome {
        final Bitmap bitmap;
        final List<Classes.Guess> guesses;
        /** An output that is a picture itself; null otherwise. */
        final Bitmap made;
        final double latencyS;

        Photo(Bitmap bitmap, List<Classes.Guess> guesses, Bitmap made, double latencyS) {
            super(null);
            this.bitmap = bitmap;
            this.guesses = guesses;
            this.made = made;
            this.latencyS = latencyS;
        }

        @Override
        void showOn(Viewer viewer) {
            viewer.show(this);
        }
    }

    /** A sound that went through a model; the file is a .wav of it. */
    static final class Enhanced extends Outcome {
        final Enhancer.Enhanced result;

        Enhanced(Enhancer.Enhanced result, File file) {
            super(file);
            this.result = result;
        }

        @Override
        void showOn(Viewer viewer) {
            viewer.show(this);
        }
    }

    /** The self-test; the file is edgekit.verify/1. */
    static final class Verified extends Outcome {
        final VerifyReport report;

        Verified(VerifyReport report, File file) {
            super(file);
            this.report = report;
        }

        @Override
        void showOn(Viewer viewer) {
            viewer.show(this);
        }
    }

    /** The benchmark; the file is edgekit.bench/1. */
    static final class Benched extends Outcome {
        final BenchReport report;

        Benched(BenchReport report, File file) {
            super(file);
            this.report = report;
        }

        @Override
        void showOn(Viewer viewer) {
            viewer.show(this);
        }
    }
}
