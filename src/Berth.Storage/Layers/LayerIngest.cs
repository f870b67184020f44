using Berth.Storage.Content;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Layers;

/// <summary>A layer from a stream that is read asynchronously, such as a request's body.</summary>
internal static class LayerIngest
{
    /// <summary>Reads <paramref name="input"/> to its end into <paramref name="blob"/> and <paramref name="draft"/>; both are for the caller to publish or dispose.</summary>
    /// <exception cref="Berth.Model.EngineException">As of <see cref="LayerIntake.FinishAsync"/>.</exception>
    public static async Task<IngestedLayer> RunAsync(Stream input, ContentWriter blob, ILayerDraft draft, TarLimits limits, CancellationToken cancellationToken)
    {
        await using LayerIntake intake = new(blob, draft, limits, keepsGoing: false);
        return await intake.FinishAsync(await ReceiveAsync(input, intake, cancellationToken));
    }

    // Returns what went wrong instead of throwing, so that the other threads are always awaited.
    private static async Task<Exception?> ReceiveAsync(Stream input, LayerIntake intake, CancellationToken cancellationToken)
    {
        try
        {
            int atLeast = CompressionFormat.MagicLength;
            while (true)
            {
                byte[] block = await intake.RentAsync(cancellationToken);
                int count = await input.ReadAtLeastAsync(block, atLeast, throwOnEndOfStream: false, cancellationToken);
                if (count == 0)
                {
                    LayerIntake.Return(block);
                    return null;
                }

                intake.Push(block, count);
                atLeast = ThreadInput.SmallestRead;
            }
        }
        catch (OperationCanceledException) when (intake.IsAbandoned && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}
