package org.edgekit.demo;

import android.content.res.Resources;
import java.io.File;
import java.util.Arrays;
import java.util.Collections;
import org.edgekit.bench.Bench;
import org.edgekit.bench.Pin;
import org.edgekit.bench.Protocol;
import org.edgekit.bundle.BundleIndex;
import org.edgekit.bundle.Model;
import org.edgekit.inference.Classes;
import org.edgekit.parity.SelfTest;
import org.edgekit.parity.VerifyReport;
import org.edgekit.tests.Program;
import org.edgekit.worker.Desk;
import org.edgekit.worker.DeviceDescription;
import org.edgekit.worker.Files;

/** Prints what the app's screen would say: `Show STRINGS ASSETS NAME WORKER...`. */
public final class Show {
    private Show() {}

    public static void main(String[] arguments) throws Exception {
        Words words = new Words(new Resources(new File(arguments[0]), R.class), new int[5]);
        File assets = new File(arguments[1]);
        BundleIndex index = BundleIndex.parse(Files.readText(new File(assets, BundleIndex.FILE)));
        Model model = new Model(index.get(arguments[2]), new File(assets, arguments[2]));
        Program worker = new Program(Arrays.copyOfRange(arguments, 3, arguments.length));
        Desk desk = new Desk(worker, new File(System.getProperty("java.io.tmpdir"), "show"));
        DeviceDescription phone = new DeviceDescription("android", "", false);

        VerifyReport report = new SelfTest(model.folder, desk, phone).run("fp32", 1);
        System.out.println(words.summary(report));
        System.out.println(words.layers(report, false));
        int all = words.layers(report, true).toString().split("\n").length;
        System.out.println("every layer: " + all + " lines");
        for (DeviceDescription device : Arrays.asList(phone, new DeviceDescription("android", "", true))) {
            Bench bench = new Bench(model, desk, device, Protocol.QUICK, Pin.FASTEST, 0);
            System.out.println(words.of(bench.run(Collections.singletonList(1), "fp32", (done, total) -> {})));
        }
        System.out.println(
                words.of(new Outcome.Photo(null, Classes.best(new float[] {0, 2, 1}, 2), null, 0.01234)));
    }
}
