"""The model that django-webhook watches, and a delivery that a django-q2 task sends."""

from django.db import models


class Order(models.Model):
    text = models.TextField()


class Posting(models.Model):
    url = models.TextField()
    body = models.TextField()
    secret = models.TextField()
    status = models.IntegerField(null=True)
    sent_at = models.DateTimeField(null=True)
