package org.edgekit.demo;

import android.content.Context;
import android.content.res.AssetManager;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.HashSet;
import java.util.Set;
import org.edgekit.bundle.BundleIndex;
import org.edgekit.bundle.Model;
import org.edgekit.bundle.PackedBundle;
import org.edgekit.worker.Files;

/** The bundles in the assets, unpacked into files where ncnn can read them. */
final class AssetStore {
    private static final String STAMP = ".unpacked";

    private final AssetManager assets;
    private final File folder;

    AssetStore(Context context) {
        this.assets = context.getAssets();
        this.folder = new File(context.getNoBackupFilesDir(), "bundles");
    }

    /** Removes what was unpacked of bundles that are no longer in the app. */
    void prune(BundleIndex index) {
        Set<String> names = new HashSet<>();
        for (PackedBundle bundle : index.bundles) {
            names.add(bundle.name);
        }
        File[] places = folder.listFiles();
        for (File place : places == null ? new File[0] : places) {
            if (!names.contains(place.getName())) {
                Files.delete(place);
            }
        }
    }

    /** The index; empty where {@code edgekit android} has not put any bundles into the assets. */
    BundleIndex index() throws IOException {
        try (InputStream input = assets.open(BundleIndex.FOLDER + "/" + BundleIndex.FILE)) {
            return BundleIndex.parse(Files.readText(input));
        } catch (FileNotFoundException none) {
            return BundleIndex.empty();
        }
    }

    /** Unpacks a bundle unless that has been done; checks every file's digest. */
    Model model(PackedBundle bundle) throws IOException {
        File place = new File(folder, bundle.name);
        File stamp = new File(place, STAMP);
        String wanted = digests(bundle);
        if (!stamp.isFile() || !Files.readText(stamp).equals(wanted)) {
            Files.delete(place);
            for (PackedBundle.PackedFile file : bundle.files) {
                unpack(bundle, file, new File(place, file.path));
            }
            Files.writeText(wanted, stamp);
        }
        return new Model(bundle, place);
    }

    private void unpack(PackedBundle bundle, PackedBundle.PackedFile file, File target) throws IOException {
        Files.makeFolder(target.getParentFile());
        String asset = BundleIndex.FOLDER + "/" + bundle.name + "/" + file.path;
        try (InputStream input = assets.open(asset);
                OutputStream output = new FileOutputStream(target)) {
            Files.copy(input, output);
        }
        try (InputStream written = new FileInputStream(target)) {
            if (!Model.sha256(written).equals(file.sha256)) {
                throw new IOException(asset + " is not what the index says: run edgekit android again");
            }
        }
    }

    private static String digests(PackedBundle bundle) {
        StringBuilder text = new StringBuilder();
        for (PackedBundle.PackedFile file : bundle.files) {
            text.append(file.sha256).append(' ').append(file.path).append('\n');
        }
        return text.toString();
    }
}
