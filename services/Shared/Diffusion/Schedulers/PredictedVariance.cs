using System.Numerics.Tensors;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Splits the output of models that also predict variances, and converts the variances to the noise's standard deviation (Nichol and Dhariwal 2021,
/// arXiv 2102.09672, equation 15).
/// </summary>
internal sealed class PredictedVariance
{
    private float[] _prediction = [];
    private float[] _variance = [];

    /// <summary>The variance part of the model's output; empty after an output without it.</summary>
    public Span<float> Values => _variance;

    /// <summary>Returns the prediction of an output that is as long as the sample or twice as long.</summary>
    /// <param name="modelOutput">For each image first the prediction, then the variances, if any.</param>
    /// <param name="length">The length of the sample.</param>
    /// <param name="images">The number of images in the tensor.</param>
    public ReadOnlySpan<float> Split(ReadOnlySpan<float> modelOutput, int length, int images)
    {
        if (modelOutput.Length == length)
        {
            _variance = [];
            return modelOutput;
        }
        if (_variance.Length != length)
        {
            _prediction = new float[length];
            _variance = new float[length];
        }
        int image = length / images;
        for (int i = 0; i < images; i++)
        {
            modelOutput.Slice(2 * i * image, image).CopyTo(_prediction.AsSpan(i * image));
            modelOutput.Slice((2 * i + 1) * image, image).CopyTo(_variance.AsSpan(i * image));
        }
        return _prediction;
    }

    /// <summary>noise *= exp(ln σ² / 2), with ln σ² between two bounds: the smaller one at -1, the larger one at 1.</summary>
    /// <param name="logMin">The smaller bound.</param>
    /// <param name="logMax">The larger bound.</param>
    /// <param name="noise">Has the sample's length.</param>
    public void ScaleBetween(float logMin, float logMax, Span<float> noise)
    {
        Require();
        Span<float> values = _variance;
        TensorPrimitives.Add(values, 1, values);
        TensorPrimitives.Multiply(values, 0.5f * 0.5f * (logMax - logMin), values);
        TensorPrimitives.Add(values, 0.5f * logMin, values);
        TensorPrimitives.Exp<float>(values, values);
        TensorPrimitives.Multiply(noise, values, noise);
    }

    /// <summary>noise *= σ, for models that predict σ² itself.</summary>
    public void Scale(Span<float> noise)
    {
        Require();
        TensorPrimitives.Sqrt<float>(_variance, _variance);
        TensorPrimitives.Multiply(noise, _variance, noise);
    }

    private void Require()
    {
        if (_variance.Length == 0)
        {
            throw new ArgumentException("The configuration has learned variances, but the model's output is only as long as the sample");
        }
    }
}
