package org.edgekit.demo;

import android.app.Activity;
import android.graphics.Bitmap;
import android.view.View;
import android.widget.ImageView;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.io.File;
import org.edgekit.bundle.PackedBundle;
import org.edgekit.parity.VerifyReport;

/** The views of the main screen, and what they show. Lives as long as its activity. */
final class Screen implements Outcome.Viewer {
    private static final int[] ACTIONS = {
        R.id.gallery, R.id.camera, R.id.wav, R.id.microphone, R.id.verify, R.id.bench, R.id.bundle
    };

    private final Activity activity;
    private final Words words;
    private VerifyReport report;
    private boolean allLayers;
    private boolean hasBundles = true;
    private File shareable;

    Screen(Activity activity) {
        this.activity = activity;
        int[] colours = {
            activity.getColor(R.color.label_clean),
            activity.getColor(R.color.label_created),
            activity.getColor(R.color.label_amplified),
            activity.getColor(R.color.label_inherited),
            activity.getColor(R.color.label_absorbed),
        };
        words = new Words(activity.getResources(), colours);
        keepClearOfBars(activity.findViewById(R.id.root));
    }

    /** The file of the last result, or null. */
    File shareable() {
        return shareable;
    }

    void showNoBundles(String why) {
        hasBundles = false;
        setText(R.id.about, why);
        enable(false);
    }

    void show(PackedBundle bundle) {
        setText(
                R.id.about,
                activity.getString(
                        R.string.about_bundle,
                        bundle.model,
                        bundle.precision,
                        bundle.layers,
                        Words.bytes(bundle.bytes())));
        boolean image = PackedBundle.IMAGE.equals(bundle.media);
        boolean sound = PackedBundle.SPECTRUM.equals(bundle.media);
        setVisible(R.id.gallery, image);
        setVisible(R.id.camera, image);
        setVisible(R.id.wav, sound);
        setVisible(R.id.microphone, sound);
        setVisible(R.id.no_media, !image && !sound);
    }

    void show(State state) {
        enable(!state.isRunning() && hasBundles);
        setVisible(R.id.running, state.isRunning());
        activity.findViewById(R.id.root).setKeepScreenOn(state.isRunning()); // asleep, it would be on slow cores
        if (state.isRunning()) {
            setText(R.id.step, activity.getString(state.step));
            ProgressBar bar = activity.findViewById(R.id.progress);
            bar.setIndeterminate(state.total == 0);
            bar.setMax(Math.max(1, state.total));
            bar.setProgress(state.done);
        }
        shareable = state.outcome == null ? null : state.outcome.file;
        clear();
        if (state.error != null) {
            setText(R.id.result, activity.getString(R.string.failed, state.error));
        } else if (state.outcome != null) {
            state.outcome.showOn(this);
        }
    }

    private void clear() {
        report = null;
        setText(R.id.result, "");
        setText(R.id.layers, "");
        setPicture(R.id.photo, null);
        setPicture(R.id.made, null);
        setVisible(R.id.play, false);
        setVisible(R.id.all_layers, false);
    }

    @Override
    public void show(Outcome.Photo photo) {
        setPicture(R.id.photo, photo.bitmap);
        setPicture(R.id.made, photo.made);
        setText(R.id.result, words.of(photo));
    }

    @Override
    public void show(Outcome.Enhanced enhanced) {
        setText(R.id.result, words.of(enhanced.result));
        setVisible(R.id.play, true);
    }

    @Override
    public void show(Outcome.Verified verified) {
        report = verified.report;
        setText(R.id.result, words.summary(report));
        setVisible(R.id.all_layers, true);
        showAllLayers(allLayers);
    }

    @Override
    public void show(Outcome.Benched benched) {
        setText(R.id.result, words.of(benched.report));
    }

    void showAllLayers(boolean all) {
        allLayers = all;
        if (report != null) {
            setText(R.id.layers, words.layers(report, all));
        }
    }

    private void enable(boolean enabled) {
        for (int id : ACTIONS) {
            activity.findViewById(id).setEnabled(enabled);
        }
    }

    private void setText(int id, CharSequence text) {
        TextView view = activity.findViewById(id);
        view.setText(text);
        view.setVisibility(text.length() == 0 ? View.GONE : View.VISIBLE);
    }

    private void setPicture(int id, Bitmap bitmap) {
        ImageView view = activity.findViewById(id);
        view.setImageBitmap(bitmap);
        view.setVisibility(bitmap == null ? View.GONE : View.VISIBLE);
    }

    private void setVisible(int id, boolean visible) {
        activity.findViewById(id).setVisibility(visible ? View.VISIBLE : View.GONE);
    }

    /** Since Android 15 an app draws behind the system's bars: leave room for them and for a cut-out. */
    @SuppressWarnings("deprecation") // its successor came with API level 30
    private static void keepClearOfBars(View root) {
        root.setOnApplyWindowInsetsListener(
                (view, insets) -> {
                    view.setPadding(
                            insets.getSystemWindowInsetLeft(),
                            insets.getSystemWindowInsetTop(),
                            insets.getSystemWindowInsetRight(),
                            insets.getSystemWindowInsetBottom());
                    return insets;
                });
    }
}
