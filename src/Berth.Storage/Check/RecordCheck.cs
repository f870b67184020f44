using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Storage.Check;

/// <summary>What records say of each other: an image's layers follow from its configuration, and each of them has a record.</summary>
internal sealed class RecordCheck(CheckRun run)
{
    public void Run()
    {
        int done = 0;
        foreach (ImageRecord image in run.Table.Images.Values)
        {
            if (Find(image) is { } what)
            {
                run.Tell(new StorageFinding(FindingKind.Record, FindingState.Broken, image.Id.ToString(), what) { Images = [CheckRun.NameOf(image)], Advice = "remove the image, and pull or load it again" });
            }

            run.Report("records", ++done, run.Table.Images.Count);
        }

        run.Summary = run.Summary with { Images = done };
    }

    private string? Find(ImageRecord image)
    {
        if (!image.ChainIds.SequenceEqual(ImagePlan.ChainIdsOf(image.Config.Rootfs.DiffIds)))
        {
            return "its record names other layers than its configuration";
        }

        if (image.LayerBlobs.Count != image.ChainIds.Count)
        {
            return $"its record names {image.LayerBlobs.Count} blobs for {image.ChainIds.Count} layers";
        }

        for (int i = 0; i < image.ChainIds.Count; i++)
        {
            if (!run.Table.Layers.TryGetValue(image.ChainIds[i], out LayerEntry? layer))
            {
                return $"its layer {image.ChainIds[i]} has no record";
            }

            if (layer.DiffId != image.Config.Rootfs.DiffIds[i])
            {
                return $"the record of its layer {image.ChainIds[i]} says {layer.DiffId}, its configuration {image.Config.Rootfs.DiffIds[i]}";
            }
        }

        return null;
    }
}
