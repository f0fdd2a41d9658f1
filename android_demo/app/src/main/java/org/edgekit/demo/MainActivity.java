package org.edgekit.demo;

import android.Manifest;
import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.os.Bundle;
import android.provider.MediaStore;
import android.view.Menu;
import android.view.MenuItem;
import android.view.View;
import android.widget.AdapterView;
import android.widget.CompoundButton;
import android.widget.Spinner;
import android.widget.Toast;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.edgekit.bundle.PackedBundle;
import org.edgekit.headless.Command;

/** The one screen: choose a bundle, run it on something, prove it, time it, share what came out. */
public final class MainActivity extends Activity implements Workbench.Watcher {
    private static final int GALLERY = 1;
    private static final int CAMERA = 2;
    private static final int WAV = 3;
    private static final int MICROPHONE = 4;
    private static final String HANDLED = "handled";

    private Workbench workbench;
    private Screen screen;
    private Choices choices;
    private Spinner bundles;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.main);
        workbench = ((DemoApplication) getApplication()).workbench();
        screen = new Screen(this);
        setActionBar(findViewById(R.id.toolbar));
        choices =
                new Choices(
                        this,
                        findViewById(R.id.precision),
                        findViewById(R.id.threads),
                        findViewById(R.id.cluster),
                        findViewById(R.id.mode));
        bundles = findViewById(R.id.bundle);
        fillBundles();
        listen();
        if (saved == null || !saved.getBoolean(HANDLED)) {
            obey(getIntent());
        }
    }

    @Override
    protected void onStart() {
        super.onStart();
        workbench.watch(this);
    }

    @Override
    protected void onStop() {
        workbench.watch(null);
        super.onStop();
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        out.putBoolean(HANDLED, true);
    }

    @Override
    protected void onNewIntent(Intent intent) {
        super.onNewIntent(intent);
        setIntent(intent);
        obey(intent);
    }

    /** Runs what `adb shell am start` asked for with --es command. */
    private void obey(Intent intent) {
        boolean again = (intent.getFlags() & Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY) != 0;
        if (again || !intent.hasExtra(Command.COMMAND)) {
            return; // the list of recent apps starts it with the intent that it had then
        }
        Map<String, String> values = new HashMap<>();
        for (String key : intent.getExtras().keySet()) {
            String text = intent.getStringExtra(key); // --es; null when it came with --ei
            values.put(key, text != null ? text : String.valueOf(intent.getIntExtra(key, 0)));
        }
        workbench.headless(values);
    }

    private void fillBundles() {
        List<String> names = new ArrayList<>();
        for (PackedBundle bundle : workbench.index().bundles) {
            names.add(bundle.name);
        }
        Choices.fill(this, bundles, names);
        if (names.isEmpty()) {
            String why = workbench.indexError();
            screen.showNoBundles(why == null ? getString(R.string.no_bundles) : why);
        }
    }

    private void listen() {
        bundles.setOnItemSelectedListener(
                new AdapterView.OnItemSelectedListener() {
                    @Override
                    public void onItemSelected(AdapterView<?> parent, View view, int position, long id) {
                        screen.show(chosen());
                    }

                    @Override
                    public void onNothingSelected(AdapterView<?> parent) {}
                });
        onClick(R.id.gallery, () -> pick(GALLERY, "image/*"));
        onClick(R.id.camera, this::takePhoto);
        onClick(R.id.wav, () -> pick(WAV, "audio/*"));
        onClick(R.id.microphone, this::record);
        onClick(R.id.verify, () -> workbench.verify(chosen(), choices.settings()));
        onClick(R.id.bench, () -> workbench.bench(chosen(), choices.settings()));
        onClick(R.id.cancel, workbench::cancel);
        onClick(R.id.play, () -> open(Sharing.play(this, screen.shareable())));
        CompoundButton all = findViewById(R.id.all_layers);
        all.setOnCheckedChangeListener((button, checked) -> screen.showAllLayers(checked));
    }

    private void onClick(int id, Runnable action) {
        findViewById(id).setOnClickListener(view -> action.run());
    }

    private PackedBundle chosen() {
        return workbench.index().bundles.get(bundles.getSelectedItemPosition());
    }

    private void pick(int request, String type) {
        Intent intent = new Intent(Intent.ACTION_GET_CONTENT);
        intent.setType(type);
        intent.addCategory(Intent.CATEGORY_OPENABLE);
        openForResult(intent, request);
    }

    private void takePhoto() {
        try {
            Uri target = Sharing.cameraTarget(this);
            Intent intent = new Intent(MediaStore.ACTION_IMAGE_CAPTURE);
            intent.putExtra(MediaStore.EXTRA_OUTPUT, target);
            Sharing.allow(intent, target, Intent.FLAG_GRANT_WRITE_URI_PERMISSION);
            openForResult(intent, CAMERA);
        } catch (IOException error) {
            tell(error.getMessage());
        }
    }

    private void record() {
        if (checkSelfPermission(Manifest.permission.RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED) {
            workbench.microphone(chosen(), choices.settings());
        } else {
            requestPermissions(new String[] {Manifest.permission.RECORD_AUDIO}, MICROPHONE);
        }
    }

    @Override
    public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
        super.onRequestPermissionsResult(request, permissions, results);
        if (request != MICROPHONE || results.length == 0) {
            return;
        }
        if (results[0] == PackageManager.PERMISSION_GRANTED) {
            workbench.microphone(chosen(), choices.settings());
        } else {
            tell(getString(R.string.no_microphone));
        }
    }

    @Override
    protected void onActivityResult(int request, int code, Intent data) {
        super.onActivityResult(request, code, data);
        if (code != RESULT_OK) {
            return;
        }
        try {
            Uri uri = request == CAMERA ? Sharing.cameraTarget(this) : data == null ? null : data.getData();
            if (uri == null) {
                return;
            }
            if (request == WAV) {
                workbench.wav(chosen(), uri, choices.settings());
            } else {
                workbench.photo(chosen(), uri, choices.settings());
            }
        } catch (IOException error) {
            tell(error.getMessage());
        }
    }

    @Override
    public boolean onCreateOptionsMenu(Menu menu) {
        getMenuInflater().inflate(R.menu.main, menu);
        menu.findItem(R.id.share).setEnabled(screen.shareable() != null);
        return true;
    }

    @Override
    public boolean onOptionsItemSelected(MenuItem item) {
        if (item.getItemId() == R.id.share && screen.shareable() != null) {
            open(Sharing.send(this, screen.shareable()));
            return true;
        }
        return super.onOptionsItemSelected(item);
    }

    @Override
    public void changed(State state) {
        screen.show(state);
        invalidateOptionsMenu();
    }

    private void open(Intent intent) {
        try {
            startActivity(intent);
        } catch (ActivityNotFoundException none) {
            tell(getString(R.string.no_app));
        }
    }

    private void openForResult(Intent intent, int request) {
        try {
            startActivityForResult(intent, request);
        } catch (ActivityNotFoundException none) {
            tell(getString(R.string.no_app));
        }
    }

    private void tell(String message) {
        Toast.makeText(this, message, Toast.LENGTH_LONG).show();
    }
}
