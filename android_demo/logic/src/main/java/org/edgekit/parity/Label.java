package org.edgekit.parity;

import java.util.Locale;

/** What a layer does to the error that flows through the net; the same words as {@code edgekit verify}. */
public enum Label {
    /** No error came in, none goes out. */
    CLEAN,
    /** The layer itself is wrong: alone, on reference inputs, it misses the reference. */
    CREATED,
    /** The layer is right, an error came in, and twice as much or more goes out. */
    AMPLIFIED,
    /** The layer is right and hands on an error that came in. */
    INHERITED,
    /** An error came in and none goes out. */
    ABSORBED;

    public String json() {
        return name().toLowerCase(Locale.ROOT);
    }
}
