package android.widget;

public class ProgressBar extends android.view.View {
    public void setIndeterminate(boolean indeterminate) {
        throw new UnsupportedOperationException("stub");
    }

    public void setMax(int max) {
        throw new UnsupportedOperationException("stub");
    }

    public void setProgress(int progress) {
        throw new UnsupportedOperationException("stub");
    }
}
