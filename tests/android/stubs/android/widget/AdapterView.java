package android.widget;

public abstract class AdapterView<T extends Adapter> extends android.view.View {
    public interface OnItemSelectedListener { void onItemSelected(AdapterView<?> parent, android.view.View view, int position, long id); void onNothingSelected(AdapterView<?> parent); }

    public void setOnItemSelectedListener(AdapterView.OnItemSelectedListener listener) {
        throw new UnsupportedOperationException("stub");
    }

    public int getSelectedItemPosition() {
        throw new UnsupportedOperationException("stub");
    }

    public Object getSelectedItem() {
        throw new UnsupportedOperationException("stub");
    }
}
