package org.edgekit.demo;

import android.content.ClipData;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import androidx.core.content.FileProvider;
import java.io.File;
import java.io.IOException;
import org.edgekit.worker.Files;

/** Files of this app as content that other apps may read. */
final class Sharing {
    private static final String JSON = "application/json";
    private static final String WAV = "audio/x-wav";

    private Sharing() {}

    /** Asks whom to send a result to. */
    static Intent send(Context context, File file) {
        Uri uri = uri(context, file);
        Intent intent = new Intent(Intent.ACTION_SEND);
        intent.setType(file.getName().endsWith(".json") ? JSON : WAV);
        intent.putExtra(Intent.EXTRA_STREAM, uri);
        intent.putExtra(Intent.EXTRA_SUBJECT, file.getName());
        allow(intent, uri, Intent.FLAG_GRANT_READ_URI_PERMISSION);
        return Intent.createChooser(intent, context.getString(R.string.share));
    }

    /** Asks for an app that plays a sound. */
    static Intent play(Context context, File file) {
        Uri uri = uri(context, file);
        Intent intent = new Intent(Intent.ACTION_VIEW);
        intent.setDataAndType(uri, WAV);
        allow(intent, uri, Intent.FLAG_GRANT_READ_URI_PERMISSION);
        return intent;
    }

    /** Where the camera is to put its picture; the same place every time, so that a rotation does not lose it. */
    static Uri cameraTarget(Context context) throws IOException {
        File folder = new File(context.getCacheDir(), "photos");
        Files.makeFolder(folder);
        return uri(context, new File(folder, "photo.jpg"));
    }

    /** Lets whoever handles the intent use the content. */
    static void allow(Intent intent, Uri uri, int flags) {
        intent.setClipData(ClipData.newRawUri(null, uri));
        intent.addFlags(flags);
    }

    private static Uri uri(Context context, File file) {
        return FileProvider.getUriForFile(context, context.getPackageName() + ".files", file);
    }
}
