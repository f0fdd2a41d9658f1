package org.edgekit.demo;

import org.edgekit.bench.Pin;
import org.edgekit.bench.Protocol;

/** How to run: what the person chose on the screen. */
final class Settings {
    final String precision;
    final int threads;
    final Pin pin;
    final Protocol protocol;

    Settings(String precision, int threads, Pin pin, Protocol protocol) {
        this.precision = precision;
        this.threads = threads;
        this.pin = pin;
        this.protocol = protocol;
    }
}
