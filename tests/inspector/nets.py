"""Small `.param` files of other make than pnnx: in the manner of the old caffe and onnx converters."""

OLD_CAFFE = """\
7767517
12 13
Input            data             0 1 data 0=32 1=32 2=3
Convolution      conv1            1 1 data conv1 0=8 1=3 2=1 3=2 4=1 5=0 6=216
BatchNorm        conv1/bn         1 1 conv1 conv1_conv1/bn 0=8
Scale            conv1/scale      1 1 conv1_conv1/bn conv1_conv1/scale 0=8 1=1
ReLU             relu1            1 1 conv1_conv1/scale conv1_relu1
Split            splitncnn_0      1 2 conv1_relu1 conv1_relu1_splitncnn_0 conv1_relu1_splitncnn_1
ConvolutionDepthWise conv2/dw     1 1 conv1_relu1_splitncnn_1 conv2/dw 0=8 1=3 2=1 3=1 4=1 5=1 6=72 7=8 9=1
Eltwise          add              2 1 conv1_relu1_splitncnn_0 conv2/dw add 0=1 -23301=0
Pooling          pool             1 1 add pool 0=1 1=0 2=1 3=0 4=1
InnerProduct     fc               1 1 pool fc 0=10 1=1 2=80
Dropout          drop             1 1 fc fc_drop
Softmax          prob             1 1 fc_drop prob 0=0
"""

ODD = """\
7767517
9 12
Input            in0              0 1 in0
Input            unused           0 1 unused 0=4
Convolution      conv             1 1 in0 a 0=6 1=3 4=1 5=1 6=162 31=3
Split            split            1 3 a b c d
ConvolutionDepthWise wide         1 1 b e 0=6 1=7 4=3 6=294 7=6
MyDetector       detector         2 2 c e boxes scores 0=21 1=0.5
ReLU             relu             1 1 scores f
Convolution      head             1 1 boxes g 0=4 1=1 6=24 27=3
Concat           out              2 1 f g out0 0=0
"""

INT8 = """\
7767517
3 3
Input            data             0 1 data 0=16 1=16 2=4
Convolution      conv             1 1 data conv 0=8 1=3 4=1 5=1 6=288 8=2 9=1
ConvolutionDepthWise dw           1 1 conv out 0=8 1=3 4=1 6=72 7=8 8=1 9=3 -23310=2,0.0,6.0
"""
