package android.app;

public class Activity extends android.view.ContextThemeWrapper {
    public static final int RESULT_OK = -1;

    protected void onCreate(android.os.Bundle savedInstanceState) {
        throw new UnsupportedOperationException("stub");
    }

    protected void onStart() {
        throw new UnsupportedOperationException("stub");
    }

    protected void onStop() {
        throw new UnsupportedOperationException("stub");
    }

    protected void onSaveInstanceState(android.os.Bundle outState) {
        throw new UnsupportedOperationException("stub");
    }

    protected void onNewIntent(android.content.Intent intent) {
        throw new UnsupportedOperationException("stub");
    }

    protected void onActivityResult(int requestCode, int resultCode, android.content.Intent data) {
        throw new UnsupportedOperationException("stub");
    }

    public void onRequestPermissionsResult(int requestCode, String[] permissions, int[] grantResults) {
        throw new UnsupportedOperationException("stub");
    }

    public final void requestPermissions(String[] permissions, int requestCode) {
        throw new UnsupportedOperationException("stub");
    }

    public boolean onCreateOptionsMenu(android.view.Menu menu) {
        throw new UnsupportedOperationException("stub");
    }

    public boolean onOptionsItemSelected(android.view.MenuItem item) {
        throw new UnsupportedOperationException("stub");
    }

    public void invalidateOptionsMenu() {
        throw new UnsupportedOperationException("stub");
    }

    public android.view.MenuInflater getMenuInflater() {
        throw new UnsupportedOperationException("stub");
    }

    public void setContentView(int layoutResID) {
        throw new UnsupportedOperationException("stub");
    }

    public <T extends android.view.View> T findViewById(int id) {
        throw new UnsupportedOperationException("stub");
    }

    public void setActionBar(android.widget.Toolbar toolbar) {
        throw new UnsupportedOperationException("stub");
    }

    public final Application getApplication() {
        throw new UnsupportedOperationException("stub");
    }

    public android.content.Intent getIntent() {
        throw new UnsupportedOperationException("stub");
    }

    public void setIntent(android.content.Intent newIntent) {
        throw new UnsupportedOperationException("stub");
    }

    public void startActivityForResult(android.content.Intent intent, int requestCode) {
        throw new UnsupportedOperationException("stub");
    }
}
