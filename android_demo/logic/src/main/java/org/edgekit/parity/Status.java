package org.edgekit.parity;

import java.util.Locale;

/** Of a layer: does it compute what PyTorch computes; of an output: is it the right tensor. */
public enum Status {
    PASS,
    FAIL,
    UNMATCHED;

    public String json() {
        return name().toLowerCase(Locale.ROOT);
    }
}
