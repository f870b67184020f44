using Berth.Model;

namespace Berth.Storage.Check;

/// <summary>Every container's writable layer: there, and standing on layers that are there. Its content is the container's own, and nothing to compare it with.</summary>
internal sealed class ContainerCheck(CheckRun run)
{
    public void Run()
    {
        int done = 0;
        HashSet<ContainerId> known = [.. run.Users.List().Select(static container => container.Id)];
        foreach (CheckedContainer container in run.Containers)
        {
            if (known.Contains(container.Id))
            {
                Check(container);
            }

            run.Report("containers", ++done, run.Containers.Count);
        }

        run.Summary = run.Summary with { Containers = done };
    }

    private void Check(CheckedContainer container)
    {
        foreach (Digest lost in container.ChainIds.Where(chainId => !run.Images.View.Layers.ContainsKey(chainId)))
        {
            Tell(container, FindingState.Broken, $"it stands on the layer {lost}, which is not in the store", "pull or load its image again");
        }

        if (!run.Snapshotter.HasContainerFolders(container.Id))
        {
            Tell(container, FindingState.Broken, "its writable layer is missing: what it wrote is lost", "its next start makes an empty one; or remove it");
            return;
        }

        Digest top = container.ChainIds.Count == 0 ? default : container.ChainIds[^1];
        string found = run.Snapshotter.ReadParentText(container.Id) ?? "";
        if (found != (top.IsEmpty ? "" : top.Hex))
        {
            if (run.Options.Repair)
            {
                run.Snapshotter.SetParent(container.Id, top);
            }

            Tell(container, run.Options.Repair ? FindingState.Repaired : FindingState.Broken, "its link to the layer that it stands on is wrong", run.Options.Repair ? "" : "run it with --repair");
        }
    }

    private void Tell(CheckedContainer container, FindingState state, string text, string advice) =>
        run.Tell(new StorageFinding(FindingKind.Container, state, container.Id.ToString(), text) { Containers = [container.Name], Advice = advice });
}
