package android.widget;

public abstract class CompoundButton extends TextView {
    public interface OnCheckedChangeListener { void onCheckedChanged(CompoundButton buttonView, boolean isChecked); }

    public void setOnCheckedChangeListener(CompoundButton.OnCheckedChangeListener listener) {
        throw new UnsupportedOperationException("stub");
    }
}
