package org.edgekit.demo;

import android.os.Build;
import org.edgekit.worker.DeviceDescription;

/** This phone, as edgekit's documents name it. */
final class Device {
    private Device() {}

    static DeviceDescription describe() {
        String system = Build.MANUFACTURER + " " + Build.MODEL + ", Android " + Build.VERSION.RELEASE;
        return new DeviceDescription("android", system, isEmulator());
    }

    /** Whether this is the SDK's emulator, whose times say nothing about a phone. */
    private static boolean isEmulator() {
        return Build.HARDWARE.equals("ranchu") || Build.HARDWARE.equals("goldfish");
    }
}
