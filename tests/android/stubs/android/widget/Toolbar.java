package android.widget;

public class Toolbar extends android.view.View {
}
