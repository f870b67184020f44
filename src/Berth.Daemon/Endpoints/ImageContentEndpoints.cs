using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/berth/images</c>, which docker's API does not have: looks into images.</summary>
internal sealed class ImageContentEndpoints(ImageInspection contents)
{
    private const int DefaultDepth = 2;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/berth/images/diff", (RequestDelegate)CompareAsync);
        routes.MapGet("/berth/images/tree", (RequestDelegate)WalkAsync);
    }

    private Task CompareAsync(HttpContext context)
    {
        string first = Required(context, "first"), second = Required(context, "second");
        IReadOnlyList<ImageStep> before = contents.StepsOf(first), after = contents.StepsOf(second); // an image that is not there is an error of the request
        return JsonLines.WriteAsync(
            context,
            StorageJson.Context.ImageContentLine,
            async (write, cancellationToken) =>
            {
                if (context.GetBoolean("layers"))
                {
                    WriteLayers(before, after, write);
                    return;
                }

                write(Describe(0, await contents.CompareAsync(first, second, change => write(Describe(change)), cancellationToken)));
            },
            static error => new ImageContentLine { Error = error.Message });
    }

    private Task WalkAsync(HttpContext context)
    {
        string name = Required(context, "name");
        int depth = context.GetInteger("depth") ?? DefaultDepth;
        if (depth < 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"depth must not be negative, got {depth}");
        }

        Queue<ImageStep> steps = new(contents.StepsOf(name));
        return JsonLines.WriteAsync(
            context,
            StorageJson.Context.ImageContentLine,
            async (write, cancellationToken) =>
            {
                WriteNext(steps, write);
                await contents.WalkLayersAsync(
                    name,
                    depth,
                    change => write(Describe(change)),
                    (layer, totals) =>
                    {
                        write(Describe(layer, totals));
                        WriteNext(steps, write);
                    },
                    cancellationToken);
            },
            static error => new ImageContentLine { Error = error.Message });
    }

    private static string Required(HttpContext context, string name) =>
        context.GetText(name) is { Length: > 0 } value ? value : throw new EngineException(ErrorKind.InvalidArgument, $"the parameter {name} is missing: the name or id of an image");

    // Steps up to the next that made a layer, whose changes follow.
    private static void WriteNext(Queue<ImageStep> steps, Action<ImageContentLine> write)
    {
        while (steps.TryDequeue(out ImageStep? step))
        {
            write(new ImageContentLine { Step = Describe(step, null) });
            if (step.Layer > 0)
            {
                return;
            }
        }
    }

    // A layer is the same where all that lies below it is, too.
    private static void WriteLayers(IReadOnlyList<ImageStep> before, IReadOnlyList<ImageStep> after, Action<ImageContentLine> write)
    {
        List<ImageStep> old = [.. before.Where(static step => step.Layer > 0)], now = [.. after.Where(static step => step.Layer > 0)];
        int same = old.Zip(now).TakeWhile(static pair => pair.First.DiffId == pair.Second.DiffId).Count();
        foreach ((ImageStep step, string where) in now.Take(same).Select(static step => (step, "both"))
            .Concat(old.Skip(same).Select(static step => (step, "first"))).Concat(now.Skip(same).Select(static step => (step, "second"))))
        {
            write(new ImageContentLine { Step = Describe(step, where) });
        }
    }

    private static ImageStepAnswer Describe(ImageStep step, string? where) => new()
    {
        Layer = step.Layer,
        DiffId = step.DiffId.ToString(),
        Blob = step.Blob.ToString(),
        Size = step.Size,
        CreatedBy = step.CreatedBy,
        Created = step.Created,
        In = where,
    };

    private static ImageContentLine Describe(ImageChange change) => new()
    {
        Change = new ImageChangeAnswer
        {
            Kind = (int)change.Kind,
            Path = change.Path,
            Type = change.Type,
            Size = change.Size,
            OldSize = change.OldSize,
            Layer = change.Layer,
            Below = change.Below,
        },
    };

    private static ImageContentLine Describe(int layer, ImageChangeTotals totals) => new()
    {
        Totals = new ImageTotalsAnswer
        {
            Layer = layer,
            Added = totals.Added,
            Changed = totals.Changed,
            Removed = totals.Removed,
            AddedBytes = totals.AddedBytes,
            RemovedBytes = totals.RemovedBytes,
        },
    };
}
