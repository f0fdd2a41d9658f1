package org.edgekit.parity;

import java.util.Locale;

/** What makes two tensors incomparable, or a result worthless, whatever the metrics say. */
public enum Finding {
    SHAPE,
    EMPTY,
    NAN,
    INF,
    ALL_ZERO,
    MISSING;

    public String json() {
        return name().toLowerCase(Locale.ROOT);
    }
}
