package org.edgekit.worker;

import java.io.File;
import java.io.IOException;
import java.util.Locale;

/** Tells a worker that gets on from one that never will: the file of progress is written at each of its steps. */
public final class Watch {
    private static final double NS_PER_S = 1e9;

    private final File progress;
    private final double longestS;
    private long noted;
    private long heardNs = System.nanoTime();

    /** @param longestS how long a worker may be at one step */
    public Watch(File result, double longestS) {
        this.progress = new File(result, Message.PROGRESS_FILE);
        this.longestS = longestS;
    }

    /** Looks once; the clock of a phone may be set meanwhile, so only changes of the file's time count. */
    public boolean isStuck() {
        long changed = progress.lastModified(); // 0 before there is one
        if (changed != noted) {
            noted = changed;
            heardNs = System.nanoTime();
        }
        return System.nanoTime() - heardNs >= longestS * NS_PER_S;
    }

    /** What it is at, in words. */
    public String why() {
        String step = "start-up";
        try {
            step = Files.readText(progress);
        } catch (IOException none) {
            // it has not begun
        }
        return String.format(Locale.ROOT, "ncnn has been at one step for %.0f s (%s)", longestS, step);
    }
}
