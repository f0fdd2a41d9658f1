package android.widget;

public class Spinner extends AdapterView<SpinnerAdapter> {
    public void setAdapter(SpinnerAdapter adapter) {
        throw new UnsupportedOperationException("stub");
    }
}
